"""Video of people: PoseTrack's and JHMDB's annotations, and a rendered benchmark in PoseTrack18's own layout."""
