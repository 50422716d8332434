"""Four kinds of crop: cut off an edge, keep a corner, change the shape, keep the centre.

A crop is a view of the photo, not a copy.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, get_args

from jaxtyping import UInt8
from torch import Tensor

from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.degradations.levels import checked, ladders, levels
from iqbench.exact.forms import has_tensor_form
from iqbench.interfaces import Photo

Edge = Literal["right", "bottom", "left", "top"]
Corner = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
Window = tuple[slice, slice]
"""The rows and columns of a photo that a crop keeps."""

Shape = Literal["tall", "wide"]

KEPT = "% of a side kept"
"""The unit of what a crop keeps."""


def edge_window(size: Sequence[int], edge: Edge, share: float) -> Window:
    """Return what is left without ``share`` of the width (or height) at that edge."""
    height, width = size
    across, down = int(width * share), int(height * share)
    match edge:
        case "right":
            return slice(height), slice(width - across)
        case "bottom":
            return slice(height - down), slice(width)
        case "left":
            return slice(height), slice(across, width)
        case "top":
            return slice(down, height), slice(width)


def corner_window(size: Sequence[int], corner: Corner, keep: float) -> Window:
    """Return ``keep`` of each side, at that corner."""
    height, width = size
    kept_height, kept_width = int(height * keep), int(width * keep)
    top = 0 if corner.startswith("top") else height - kept_height
    left = 0 if corner.endswith("left") else width - kept_width
    return slice(top, top + kept_height), slice(left, left + kept_width)


def aspect_window(size: Sequence[int], shape: Shape, keep: float) -> Window:
    """Return ``keep`` of the width (``tall``) or of the height (``wide``), centred."""
    height, width = size
    return _centred(size, (height, int(width * keep)) if shape == "tall" else (int(height * keep), width))


def center_window(size: Sequence[int], keep: float) -> Window:
    """Return the centre: ``keep`` of each side."""
    height, width = size
    return _centred(size, (int(height * keep), int(width * keep)))


def _centred(size: Sequence[int], kept: Sequence[int]) -> Window:
    (height, width), (rows, columns) = size, kept
    top, left = (height - rows) // 2, (width - columns) // 2
    return slice(top, top + rows), slice(left, left + columns)


def _of_tensors(photos: UInt8[Tensor, "n 3 height width"], window: Callable[..., Window], **settings: Any) -> Tensor:
    return photos[(..., *window(photos.shape[-2:], **settings))]


@has_tensor_form(partial(_of_tensors, window=edge_window))
def crop_edge(photo: Photo, edge: Edge, share: float) -> Photo:
    """Return ``photo`` without ``share`` of its width (or height) at that edge.

    Example:
        >>> import numpy as np
        >>> photo = np.arange(10, dtype=np.uint8).reshape(1, 10, 1).repeat(3, axis=2)
        >>> crop_edge(photo, "left", share=0.2)[0, :, 0].tolist()
        [2, 3, 4, 5, 6, 7, 8, 9]
    """
    return photo[edge_window(photo.shape[:2], edge, share)]


@has_tensor_form(partial(_of_tensors, window=corner_window))
def crop_corner(photo: Photo, corner: Corner, keep: float) -> Photo:
    """Return ``keep`` of each side of ``photo``, at that corner."""
    return photo[corner_window(photo.shape[:2], corner, keep)]


@has_tensor_form(partial(_of_tensors, window=aspect_window))
def crop_aspect(photo: Photo, shape: Shape, keep: float) -> Photo:
    """Return ``keep`` of the width (``tall``) or of the height (``wide``), centred."""
    return photo[aspect_window(photo.shape[:2], shape, keep)]


@has_tensor_form(partial(_of_tensors, window=center_window))
def crop_center(photo: Photo, keep: float) -> Photo:
    """Return the centre of ``photo``: ``keep`` of each side.

    Example:
        >>> import numpy as np
        >>> crop_center(np.zeros((100, 200, 3), dtype=np.uint8), keep=0.7).shape
        (70, 140, 3)
    """
    return photo[center_window(photo.shape[:2], keep)]


def crop_edge_ladders(edge: Sequence[Edge], share: Sequence[float]) -> Degradation:
    """Return a ladder for each edge; more removed is worse."""
    steps = partial(levels, parameter="share", amounts=_shares("share", share), percent=True)
    return Degradation("compositional", ladders(crop_edge, "edge", edge, get_args(Edge), steps, "% removed"))


def crop_corner_ladders(corner: Sequence[Corner], keep: Sequence[float]) -> Degradation:
    """Return a ladder for each corner; less kept is worse."""
    return Degradation("compositional", ladders(crop_corner, "corner", corner, get_args(Corner), _kept(keep), KEPT))


def crop_aspect_ladders(shape: Sequence[Shape], keep: Sequence[float]) -> Degradation:
    """Return a ladder for each shape; less kept is worse."""
    return Degradation("compositional", ladders(crop_aspect, "shape", shape, get_args(Shape), _kept(keep), KEPT))


def crop_center_ladder(keep: Sequence[float]) -> Degradation:
    """Return centre crops; less kept is worse."""
    return Degradation("compositional", [Ladder("", _kept(keep)(crop_center), KEPT)])


def _kept(keep: Sequence[float]) -> partial[list[Level]]:
    """Return a function from a crop to its levels, the least cropped first."""
    return partial(levels, parameter="keep", amounts=_shares("keep", keep), less_is_worse=True, percent=True)


def _shares(key: str, amounts: Sequence[float]) -> list[float]:
    return checked(key, amounts, lambda share: 0 < share < 1, "between 0 and 1")
