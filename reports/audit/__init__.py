"""The audit: every printed number as a claim, and findings about them with evidence that reruns."""
