"""Preprocessing: named rules that turn a photo into a network's input, shared by training and benchmark.

A rule decides what a model can see: how much detail survives the resize, and which borders are cut
off. So it is part of the model, has a name, and is saved in the checkpoint.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Literal, NamedTuple, get_args

import cv2
import numpy as np
import torch
from jaxtyping import Int64, Shaped, UInt8
from torch import Tensor
from torchvision.transforms.v2 import functional as transforms

from iqbench.errors import UsageError
from iqbench.exact.resize import resize as exact_resize
from iqbench.interfaces import Photo

Rule = Literal["standard", "fit_crop", "pad", "squash", "native", "multiscale"]
"""The names of the rules; see `view`."""

TensorRule = Literal["standard", "fit_crop", "pad", "squash", "native"]
"""The rules that `view_of_tensors` follows."""

Resize = Callable[[Tensor, int, int], Tensor]

LONGEST_ASPECT = 8
"""Aspect to which longer panoramas are cropped before the resize, since a central square shows only their middle.

``pad`` crops nothing, because it keeps the whole frame.
"""

FINE_SCALES = (8.0, 24.0, None)
"""Side of a photo of equal sides at the finer scales of ``multiscale``, in sides of the network's input; None is the
photo as it is."""

FINE_PATCHES = (6, 3)
"""Patches at a finer scale along the longer and the shorter side of the frame."""

PATCHES_PER_SIDE = 3
"""Patches of a finer scale along each side of a picture that holds nine of them."""

CUBIC_MARGIN = 2
"""Pixels around a patch that its bicubic interpolation may use."""

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

    @property
    def on_tensors(self) -> Callable[[UInt8[Tensor, "n 3 height width"]], UInt8[Tensor, "..."]] | None:
        """The function that prepares photos of one size on any device; None for a rule that needs the CPU."""
        if self.rule == "multiscale":
            return None
        return partial(view_of_tensors, rule=self.rule, size=self.size)


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
            patch is extended by reflection. ``multiscale``: the frame, squashed to twice ``size`` and cut into
            quarters; and at each of the `FINE_SCALES` 18 patches of a third of ``size``, evenly spread over the
            frame, nine to a picture. So every photo is seen at the same scales, whatever its size, and then as it is.
        size: Side of the network's input, in pixels.

    Example:
        >>> photo = np.zeros((60, 80, 3), dtype=np.uint8)
        >>> view(photo, "pad", 32)[:, 0, 0].tolist()
        [117, 115, 110]
        >>> view(photo, "native", 32).shape
        torch.Size([5, 3, 32, 32])
    """
    if rule == "multiscale":
        whole = limited_aspect(photo)
        return torch.stack([*_quarters(whole, size), *_fine_patches(whole, size)])
    return view_of_tensors(_pixels(photo), rule, size, _resized)


def view_of_tensors(
    photos: UInt8[Tensor, "*batch 3 height width"], rule: TensorRule, size: int, resize: Resize = exact_resize
) -> UInt8[Tensor, "..."]:
    """Return photos of one size as the network sees them, as `view` does, computed where they are.

    Args:
        photos: The photos.
        rule: The rule; those of `TensorRule` need no library that computes on the CPU alone.
        size: Side of the network's input, in pixels.
        resize: Returns pictures at another height and width, antialiased.

    Example:
        >>> photo = np.arange(60 * 80 * 3, dtype=np.uint8).reshape(60, 80, 3)
        >>> torch.equal(view_of_tensors(torch.from_numpy(photo).permute(2, 0, 1), "pad", 32), view(photo, "pad", 32))
        True
    """
    match rule:
        case "standard":
            return _central_square(photos, round(size * 256 / 224), size, resize)
        case "fit_crop":
            return _central_square(photos, size, size, resize)
        case "pad":
            return _padded(photos, size, resize)
        case "squash":
            return resize(_limited_aspect(photos), size, size)
        case "native":
            return torch.stack([_padded(photos, size, resize), *_patches(photos, size)], dim=-4)


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


class ViewGroup(NamedTuple):
    """Pictures of a view that show a photo at one scale.

    Args:
        pictures: How many they are.
        per_side: Patches along each side of such a picture; 1 if it is one patch.
    """

    pictures: int
    per_side: int


def view_groups(rule: Rule) -> tuple[ViewGroup, ...]:
    """Return the scales at which `view` shows a photo, in the order of its pictures.

    Example:
        >>> [tuple(group) for group in view_groups("native")], len(view_groups("multiscale"))
        ([(1, 1), (4, 1)], 4)
    """
    if rule == "native":
        return ViewGroup(1, 1), ViewGroup(4, 1)
    if rule == "multiscale":
        fine = ViewGroup(math.prod(FINE_PATCHES) // PATCHES_PER_SIDE**2, PATCHES_PER_SIDE)
        return ViewGroup(4, 1), *[fine] * len(FINE_SCALES)
    return (ViewGroup(1, 1),)


def separate_patches(pictures: Shaped[Tensor, "n k 3 size size"], per_side: int) -> Shaped[Tensor, "n m 3 side side"]:
    """Return the patches that pictures of a view consist of; see `ViewGroup`.

    Example:
        >>> separate_patches(torch.zeros(2, 2, 3, 160, 160), 3).shape
        torch.Size([2, 18, 3, 53, 53])
    """
    count, number, channels, size, _ = pictures.shape
    side = size // per_side
    whole = pictures[..., : side * per_side, : side * per_side]
    rows = whole.reshape(count, number, channels, per_side, side, per_side, side)
    return rows.permute(0, 1, 3, 5, 2, 4, 6).reshape(count, -1, channels, side, side)


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


def _resized(pictures: UInt8[Tensor, "3 height width"], height: int, width: int) -> UInt8[Tensor, "3 {height} {width}"]:
    """Return a picture at another size, by torchvision, which is fastest on a CPU."""
    return torch.as_tensor(transforms.resize(pictures, [height, width], antialias=True))


def _limited_aspect(photos: UInt8[Tensor, "*batch 3 height width"]) -> UInt8[Tensor, "*batch 3 rows columns"]:
    return photos[(..., *_middle(*photos.shape[-2:]))]


def _central_square(photos: Tensor, short_side: int, size: int, resize: Resize) -> Tensor:
    photos = _limited_aspect(photos)
    height, width = (int(short_side * side / min(photos.shape[-2:])) for side in photos.shape[-2:])
    resized = resize(photos, height, width)
    top, left = (round((side - size) / 2) for side in (height, width))
    return resized[..., top : top + size, left : left + size]


def _padded(photos: Tensor, size: int, resize: Resize) -> Tensor:
    longest = max(photos.shape[-2:])
    height, width = (max(1, round(side * size / longest)) for side in photos.shape[-2:])
    top, left = (size - height) // 2, (size - width) // 2
    colour = torch.tensor([round(255 * share) for share in MEAN_COLOUR], dtype=torch.uint8, device=photos.device)
    squares = colour.view(3, 1, 1).repeat(*photos.shape[:-3], 1, size, size)
    squares[..., top : top + height, left : left + width] = resize(photos, height, width)
    return squares


def _quarters(photo: Photo, size: int) -> Iterator[UInt8[Tensor, "3 size size"]]:
    """Yield the quarters of the squashed frame, row by row."""
    for row in torch.split(_resized(_pixels(photo), 2 * size, 2 * size), size, dim=1):
        yield from torch.split(row, size, dim=2)


def _fine_patches(photo: Photo, size: int) -> Iterator[UInt8[Tensor, "3 size size"]]:
    """Yield the pictures of the patches at the finer scales."""
    longer, shorter = ([(at + 0.5) / count for at in range(count)] for count in FINE_PATCHES)
    down, across = (longer, shorter) if photo.shape[0] > photo.shape[1] else (shorter, longer)
    centres = list(product(down, across))
    side = size // PATCHES_PER_SIDE
    for scale in FINE_SCALES:
        patches = [_patch(photo, None if scale is None else scale * size, side, centre) for centre in centres]
        rows = np.stack(patches).reshape(-1, PATCHES_PER_SIDE, PATCHES_PER_SIDE, side, side, 3).swapaxes(2, 3)
        pictures = rows.reshape(-1, PATCHES_PER_SIDE * side, PATCHES_PER_SIDE * side, 3)
        rest = size - PATCHES_PER_SIDE * side  # `separate_patches` leaves it out
        yield from map(_pixels, np.pad(pictures, ((0, 0), (0, rest), (0, rest), (0, 0)), mode="edge"))


def _patch(photo: Photo, scale: float | None, side: int, centre: tuple[float, float]) -> Photo:
    """Return a patch of a photo that is scaled to ``scale ** 2`` pixels in its own aspect, without scaling the rest.

    Args:
        photo: The photo.
        scale: None leaves it as it is.
        side: Pixels of the patch along each side.
        centre: The middle of the patch, as shares of height and width; it is moved to stay inside the photo.
    """
    height, width = photo.shape[:2]
    covered = side * (1.0 if scale is None else (height * width) ** 0.5 / scale)  # pixels of the photo along each side
    down, across = (min(covered, whole) for whole in (height, width))
    top = min(max(centre[0] * height - down / 2, 0), height - down)
    left = min(max(centre[1] * width - across / 2, 0), width - across)
    if covered < side:
        above, before = (max(0, math.floor(first) - CUBIC_MARGIN) for first in (top, left))
        around = photo[above : math.ceil(top + down) + CUBIC_MARGIN, before : math.ceil(left + across) + CUBIC_MARGIN]
        steps = ((across / side, left - before), (down / side, top - above))
        (x, x_first), (y, y_first) = ((step, first + (step - 1) / 2) for step, first in steps)  # of pixel centres
        matrix = np.array([[x, 0, x_first], [0, y, y_first]])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(around, matrix, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    row, column = round(top), round(left)
    part = photo[row : row + max(1, round(down)), column : column + max(1, round(across))]
    if scale is None:
        rows, columns = (_symmetric_places(length, side) for length in part.shape[:2])
        return np.asarray(part[rows][:, columns])
    resized = _resized(_pixels(np.ascontiguousarray(part)), side, side)
    return np.ascontiguousarray(resized.permute(1, 2, 0).numpy())


def _patches(photos: Tensor, size: int) -> Iterator[Tensor]:
    """Yield the patch of each quadrant, extended by reflection where a photo is smaller."""
    for top, left in product(*(_starts(side, size) for side in photos.shape[-2:])):
        patch = photos[..., top : top + size, left : left + size]
        for dim in (-2, -1):
            if patch.shape[dim] < size:
                places = torch.from_numpy(_symmetric_places(patch.shape[dim], size)).to(patch.device)
                patch = patch.index_select(dim, places)
        yield patch


def _starts(side: int, size: int) -> tuple[int, int]:
    """Return the first pixel of the patch in each half of a side. The two patches are mirror images of each other."""
    first = max(0, side // 4 - size // 2)
    return first, max(0, side - size - first)


def _symmetric_places(side: int, wanted: int) -> Int64[np.ndarray, "{wanted}"]:
    """Return the places of a side, reflected at both ends, edges doubled, until they are as many as wanted.

    Example:
        >>> _symmetric_places(3, 6).tolist()
        [0, 0, 1, 2, 2, 1]
    """
    missing = wanted - side
    return np.pad(np.arange(side), (missing // 2, missing - missing // 2), mode="symmetric")


def limited_aspect(photo: Photo) -> Photo:
    """Return the middle of a panorama that is longer than `LONGEST_ASPECT`, any other photo as it is.

    Example:
        >>> limited_aspect(np.zeros((10, 1000, 3), dtype=np.uint8)).shape
        (10, 80, 3)
    """
    return photo[_middle(*photo.shape[:2])]


def _middle(height: int, width: int) -> tuple[slice, slice]:
    longest = LONGEST_ASPECT * min(height, width)
    top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
    return slice(top, height - top), slice(left, width - left)


def _pixels(photo: Photo) -> UInt8[Tensor, "3 height width"]:
    return torch.from_numpy(np.require(photo, requirements=("C", "W"))).permute(2, 0, 1)
