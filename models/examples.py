"""What goes into a model and what comes out, by its shapes: the one place that tells lifting and video models apart."""

from torch import nn

from models.evaluation import emits_one

SHAPED_BY = ("frames", "joints", "in_channels", "image")  # attributes of models that this module reads


def is_video(model: nn.Module) -> bool:
    """Whether a model takes images; only those know an image size."""
    return hasattr(model, "image")


def example_shape(model: nn.Module) -> tuple[int, ...]:
    """Shape of one clip: (1, T, J, C) key points for lifting models, (1, T, 3, H, W) images for video models."""
    return (1, model.frames, 3, *model.image) if is_video(model) else (1, model.frames, model.joints, model.in_channels)


def emitted_frames(model: nn.Module) -> int:
    """Frames of a clip that get a pose: the middle one from video models and some lifting models, else all of them."""
    return 1 if is_video(model) or emits_one(model) else model.frames
