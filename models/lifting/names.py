"""Names in MotionAGFormer's released code, ours -> theirs: what was built on it (HGMamba, TCPFormer) has them too."""

from models.layout import Layout

RENAMED = (
    (r"^embedding\.", "joints_embed."),
    (r"^joint_table$", "pos_embed"),
    (r"\.scale(\d)$", r".layer_scale_\1"),
    (r"\.mixer\.out\.", ".mixer.proj."),
    (r"^(layers\.\d+)\.fusion\.share\.", r"\1.fusion."),
    (r"^head\.norm\.", "norm."),
    (r"^head\.representation\.", "rep_logit.fc."),
    (r"^head\.out\.", "head."),
)
GRAPH = ((r"\.mixer\.norm\.", ".mixer.batch_norm."),)
RESHAPED = ((r"^joint_table$", Layout.one_axis_more),)
FRAMES = {"layers.0.graph_temporal.mixer.batch_norm.weight": 0}
