"""Four kinds of crop: cut off an edge, keep a corner, change the shape, keep the centre.

A crop is a view of the photo, not a copy.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.degradations.levels import check_names
from iqbench.interfaces import Photo

Edge = Literal["right", "bottom"]
Corner = Literal["top_left", "top_right", "bottom_left", "bottom_right"]
Shape = Literal["tall", "wide"]


def crop_edge(photo: Photo, edge: Edge, share: float) -> Photo:
    """Return ``photo`` without ``share`` of its width (or height) at that edge."""
    height, width = photo.shape[:2]
    if edge == "right":
        return photo[:, : width - int(width * share)]
    return photo[: height - int(height * share)]


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
    check_names("edge", edge, ("right", "bottom"))
    return _ladders({str(e): partial(crop_edge, edge=e) for e in edge}, "share", sorted(_shares("share", share)))


def crop_corner_ladders(corner: Sequence[Corner], keep: Sequence[float]) -> Degradation:
    """Return a ladder for each corner; less kept is worse."""
    check_names("corner", corner, ("top_left", "top_right", "bottom_left", "bottom_right"))
    crops = {str(c): partial(crop_corner, corner=c) for c in corner}
    return _ladders(crops, "keep", sorted(_shares("keep", keep), reverse=True))


def crop_aspect_ladders(shape: Sequence[Shape], keep: Sequence[float]) -> Degradation:
    """Return a ladder for each shape; less kept is worse."""
    check_names("shape", shape, ("tall", "wide"))
    crops = {str(s): partial(crop_aspect, shape=s) for s in shape}
    return _ladders(crops, "keep", sorted(_shares("keep", keep), reverse=True))


def crop_center_ladder(keep: Sequence[float]) -> Degradation:
    """Return centre crops; less kept is worse."""
    return _ladders({"": crop_center}, "keep", sorted(_shares("keep", keep), reverse=True))


def _ladders(crops: Mapping[str, Callable[..., Photo]], parameter: str, amounts: Sequence[float]) -> Degradation:
    """Return one ladder per place, with levels named like ``right_20pct``."""
    unit = {"share": "% removed", "keep": "% of a side kept"}[parameter]
    ladders = []
    for place, crop in crops.items():
        levels = [Level(_name(place, a), partial(crop, **{parameter: a}), 100 * a) for a in amounts]
        ladders.append(Ladder(place, levels, unit))
    return Degradation("compositional", ladders)


def _name(place: str, amount: float) -> str:
    return f"{place}_{100 * amount:g}pct".lstrip("_")


def _shares(key: str, amounts: Sequence[float]) -> Sequence[float]:
    if not all(0 < amount < 1 for amount in amounts):
        raise ValueError(f"{key} must be between 0 and 1, not {list(amounts)}")
    return amounts
