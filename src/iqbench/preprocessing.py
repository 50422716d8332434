"""Preprocessing: named rules that turn a photo into a network's input, shared by training and benchmark.

A rule decides what a model can see: how much detail survives the resize, and which borders are cut
off. So it is part of the model, has a name, and is saved in the checkpoint.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from iqbench.errors import UsageError
from iqbench.interfaces import Photo

Rule = Literal["standard", "fit_crop", "pad", "squash", "native", "multiscale"]
"""The names of the rules; see `view`."""

LONGEST_ASPECT = 8
"""Aspect to which longer panoramas are cropped before the resize, since a central square shows only their middle.

``pad`` crops nothing, because it keeps the whole frame.
"""

SCALED = 2.8
"""Side of a photo of equal sides in the middle scale of ``multiscale``, in sides of the network's input."""

MEAN_COLOUR = (0.460, 0.450, 0.430)
"""Mean colour of PhotoTriage's training photos, from 0 to 1: the border of a photo that does not fill its square."""


@dataclass(frozen=True)
class Preprocessing:
    """A rule and a size as one function, which can be pickled for worker processes.

    Example:
        >>> Preprocessing("pad", 32)(np.zeros((60, 80, 3), dtype=np.uint8)).shape
        torch.Size([3, 32, 32])
    """

    rule: Rule
    size: int

    def __call__(self, photo: Photo) -> UInt8[Tensor, "*views 3 size size"]:
        """Return the photo as the network sees it; see `view`."""
        return view(photo, self.rule, self.size)

    def prepare(self, photo: Photo) -> UInt8[Tensor, "*views 3 size size"]:
        """Return the photo as the network sees it; see `iqbench.interfaces.QualityModel.prepare`."""
        return self(photo)


def view(photo: Photo, rule: Rule, size: int) -> UInt8[Tensor, "*views 3 size size"]:
    """Return ``photo`` as the network sees it, in 8-bit RGB: one picture, or several; see `view_groups`.

    Args:
        photo: A photo of any size.
        rule: ``standard``: short side to 256/224 of ``size``, then the central square, as ImageNet
            models are evaluated. ``fit_crop``: short side to ``size``, then the central square, so
            that nothing of the short side is lost. ``pad``: the whole frame in its aspect, long side
            to ``size``, centred on the mean colour. ``squash``: the whole frame, its aspect lost.
            ``native``: the frame as in ``pad``, then four patches at full resolution, in which blur
            and compression are still visible: centred in the quadrants top left, top right,
            bottom left and bottom right, and moved to stay inside the photo. A photo smaller than a
            patch is extended by reflection. ``multiscale``: the frame as in ``squash``, four such patches of the
            photo scaled to `SCALED` times ``size`` in each direction on average, and four of the photo as it is.
            So every photo is seen at the same three scales, whatever its size.
        size: Side of the network's input, in pixels.

    Example:
        >>> photo = np.zeros((60, 80, 3), dtype=np.uint8)
        >>> view(photo, "pad", 32)[:, 0, 0].tolist()
        [117, 115, 110]
        >>> view(photo, "native", 32).shape
        torch.Size([5, 3, 32, 32])
    """
    match rule:
        case "standard":
            return _central_square(photo, round(size * 256 / 224), size)
        case "fit_crop":
            return _central_square(photo, size, size)
        case "pad":
            return _padded(photo, size)
        case "squash":
            return _squashed(photo, size)
        case "native":
            return torch.stack([_padded(photo, size), *_patches(photo, size)])
        case "multiscale":
            patches = [*_patches(_scaled(photo, SCALED * size), size), *_patches(photo, size)]
            return torch.stack([_squashed(photo, size), *patches])


def scaled_down(photo: Photo, longest_side: int) -> Photo:
    """Return a photo whose longest side has at most so many pixels; a smaller photo is left as it is.

    Each pixel is the mean of the pixels that it covers.

    Example:
        >>> scaled_down(np.zeros((60, 80, 3), dtype=np.uint8), 40).shape
        (30, 40, 3)
    """
    height, width = photo.shape[:2]
    if max(height, width) <= longest_side:
        return photo
    rows, columns = (max(1, round(side * longest_side / max(height, width))) for side in (height, width))
    smaller: Photo = cv2.resize(np.ascontiguousarray(photo), (columns, rows), interpolation=cv2.INTER_AREA)
    return smaller


def view_groups(rule: Rule) -> tuple[int, ...]:
    """Return the numbers of pictures that `view` makes of a photo at each scale, in their order.

    Example:
        >>> view_groups("standard"), view_groups("native"), view_groups("multiscale")
        ((1,), (1, 4), (1, 4, 4))
    """
    return {"native": (1, 4), "multiscale": (1, 4, 4)}.get(rule, (1,))


def check_rule(rule: str) -> Rule:
    """Return ``rule``, checked.

    Raises:
        UsageError: If no rule has that name.
    """
    rules: tuple[Rule, ...] = get_args(Rule)
    for name in rules:
        if rule == name:
            return name
    raise UsageError(f"model.preprocessing={rule}: no such rule; there are {', '.join(rules[:-1])} and {rules[-1]}")


def _central_square(photo: Photo, short_side: int, size: int) -> UInt8[Tensor, "3 size size"]:
    resized = transforms.resize(_pixels(limited_aspect(photo)), [short_side], antialias=True)
    return torch.as_tensor(transforms.center_crop(resized, [size, size]))


def _squashed(photo: Photo, size: int) -> UInt8[Tensor, "3 size size"]:
    return torch.as_tensor(transforms.resize(_pixels(limited_aspect(photo)), [size, size], antialias=True))


def _padded(photo: Photo, size: int) -> UInt8[Tensor, "3 size size"]:
    longest = max(photo.shape[:2])
    height, width = (max(1, round(side * size / longest)) for side in photo.shape[:2])
    top, left = (size - height) // 2, (size - width) // 2
    colour = torch.tensor([round(255 * share) for share in MEAN_COLOUR], dtype=torch.uint8)
    square = colour.view(3, 1, 1).repeat(1, size, size)
    square[:, top : top + height, left : left + width] = transforms.resize(
        _pixels(photo), [height, width], antialias=True
    )
    return square


def _scaled(photo: Photo, side: float) -> Photo:
    """Return the photo, enlarged or reduced to ``side ** 2`` pixels in its own aspect."""
    height, width = photo.shape[:2]
    scale = side / (height * width) ** 0.5
    size = [max(1, round(height * scale)), max(1, round(width * scale))]
    resized = transforms.resize(_pixels(photo), size, antialias=True)
    return np.ascontiguousarray(resized.permute(1, 2, 0).numpy())


def _patches(photo: Photo, size: int) -> list[UInt8[Tensor, "3 size size"]]:
    height, width = photo.shape[:2]
    corners = [(top, left) for top in _starts(height, size) for left in _starts(width, size)]
    return [_pixels(_reflected(photo[top : top + size, left : left + size], size)) for top, left in corners]


def _starts(side: int, size: int) -> tuple[int, int]:
    """Return the first pixel of the patch in each half of a side. The two patches are mirror images of each other."""
    first = max(0, side // 4 - size // 2)
    return first, max(0, side - size - first)


def _reflected(patch: Photo, size: int) -> Photo:
    """Return ``patch``, extended by reflection to ``size`` rows and columns."""
    rows, columns = (size - side for side in patch.shape[:2])
    borders = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0))
    return np.pad(patch, borders, mode="symmetric")


def limited_aspect(photo: Photo) -> Photo:
    """Return the middle of a panorama that is longer than `LONGEST_ASPECT`, any other photo as it is.

    Example:
        >>> limited_aspect(np.zeros((10, 1000, 3), dtype=np.uint8)).shape
        (10, 80, 3)
    """
    height, width = photo.shape[:2]
    longest = LONGEST_ASPECT * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return photo[top : height - top, left : width - left]


def _pixels(photo: Photo) -> UInt8[Tensor, "3 height width"]:
    return torch.from_numpy(np.require(photo, requirements=("C", "W"))).permute(2, 0, 1)
