"""From runs and networks to rows of measurements."""
