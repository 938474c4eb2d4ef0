"""Deformable convolution: each tap of an ordinary one reads between the cells, where offsets say."""

from models.deform.op import deform_conv, describe

__all__ = ["deform_conv", "describe"]
