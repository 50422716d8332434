"""Four kinds of crop: cut off an edge, keep a corner, change the shape, keep the centre.

A crop is a view of the photo, not a copy.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal, get_args

from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.degradations.levels import checked, ladders, levels
from iqbench.interfaces import Photo

Edge = Literal["right", "bottom", "left", "top"]
Corner = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
Shape = Literal["tall", "wide"]

KEPT = "% of a side kept"
"""The unit of what a crop keeps."""


def crop_edge(photo: Photo, edge: Edge, share: float) -> Photo:
    """Return ``photo`` without ``share`` of its width (or height) at that edge.

    Example:
        >>> import numpy as np
        >>> photo = np.arange(10, dtype=np.uint8).reshape(1, 10, 1).repeat(3, axis=2)
        >>> crop_edge(photo, "left", share=0.2)[0, :, 0].tolist()
        [2, 3, 4, 5, 6, 7, 8, 9]
    """
    height, width = photo.shape[:2]
    across, down = int(width * share), int(height * share)
    match edge:
        case "right":
            return photo[:, : width - across]
        case "bottom":
            return photo[: height - down]
        case "left":
            return photo[:, across:]
        case "top":
            return photo[down:]


def crop_corner(photo: Photo, corner: Corner, keep: float) -> Photo:
    """Return ``keep`` of each side of ``photo``, at that corner."""
    height, width = photo.shape[:2]
    kept_height, kept_width = int(height * keep), int(width * keep)
    top = 0 if corner.startswith("top") else height - kept_height
    left = 0 if corner.endswith("left") else width - kept_width
    return photo[top : top + kept_height, left : left + kept_width]


def crop_aspect(photo: Photo, shape: Shape, keep: float) -> Photo:
    """Return ``keep`` of the width (``tall``) or of the height (``wide``), centred."""
    height, width = photo.shape[:2]
    if shape == "tall":
        return _centred(photo, height, int(width * keep))
    return _centred(photo, int(height * keep), width)


def crop_center(photo: Photo, keep: float) -> Photo:
    """Return the centre of ``photo``: ``keep`` of each side.

    Example:
        >>> import numpy as np
        >>> crop_center(np.zeros((100, 200, 3), dtype=np.uint8), keep=0.7).shape
        (70, 140, 3)
    """
    height, width = photo.shape[:2]
    return _centred(photo, int(height * keep), int(width * keep))


def _centred(photo: Photo, height: int, width: int) -> Photo:
    top, left = (photo.shape[0] - height) // 2, (photo.shape[1] - width) // 2
    return photo[top : top + height, left : left + width]


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
