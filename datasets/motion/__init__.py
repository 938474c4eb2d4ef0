"""Motion as lifting data: takes, cameras and a detector."""
