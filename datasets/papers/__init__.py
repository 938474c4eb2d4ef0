"""The papers' own data sets, in the forms that people have them: readers, and what prepares them for training."""

# What a data set's name begins with -> the module that says what its files become (`conversion`), imported only when
# asked for; and what the name may end with.
MODULES = {
    "human36m": "datasets.papers.human36m_convert",
    "mpi-inf-3dhp": "datasets.papers.mpi_inf_3dhp_convert",
}
VIDEO = {
    "video-posetrack17": "datasets.papers.posetrack_convert",
    "video-posetrack18": "datasets.papers.posetrack_convert",
    "video-posetrack21": "datasets.papers.posetrack_convert",
    "video-jhmdb": "datasets.papers.jhmdb_convert",
}
PRESETS = {"human36m": ("gt", "sh", "cpn"), "mpi-inf-3dhp": ("gt",)}
