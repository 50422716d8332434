"""From a photo to a network's input, by named rules that training and benchmark share.

A rule decides what a model can see at all: how much detail survives the resize, and which borders
are cut off. So it is part of the model, has a name, and stands in the checkpoint.
"""

from typing import Literal

import torch
from jaxtyping import UInt8
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from iqbench.errors import UsageError
from iqbench.interfaces import Photo

Rule = Literal["standard", "squash"]

LONGEST_ASPECT = 8
"""Longer panoramas are cut to this aspect, centred, before the resize: `standard` shows only their middle anyway."""


def view(photo: Photo, rule: Rule, size: int) -> UInt8[Tensor, "3 size size"]:
    """Return ``photo`` as the network sees it, in 8-bit RGB.

    Args:
        photo: A photo of any size.
        rule: ``standard``: short side to 256/224 of ``size``, then the central square, as ImageNet
            models are evaluated. ``squash``: the whole frame, its aspect lost.
        size: Side of the network's input, in pixels.
    """
    pixels = torch.from_numpy(_shortened(photo).copy()).permute(2, 0, 1)
    if rule == "squash":
        return torch.as_tensor(transforms.resize(pixels, [size, size], antialias=True))
    resized = transforms.resize(pixels, [round(size * 256 / 224)], antialias=True)
    return torch.as_tensor(transforms.center_crop(resized, [size, size]))


def check_rule(rule: str) -> Rule:
    """Return ``rule`` if there is one of that name.

    Raises:
        UsageError: If there is none.
    """
    if rule == "standard" or rule == "squash":
        return rule  # type: ignore[return-value,unused-ignore]
    raise UsageError(f"model.preprocessing={rule}: no such rule; there are standard and squash")


def _shortened(photo: Photo) -> Photo:
    height, width = photo.shape[:2]
    longest = LONGEST_ASPECT * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return photo[top : height - top, left : width - left]
