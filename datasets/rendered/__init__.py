"""Videos rendered from motion, with PoseTrack's annotations."""
