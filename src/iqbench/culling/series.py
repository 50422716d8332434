"""Series: photos of one burst, which look alike and were taken within seconds of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from iqbench.culling.look import BITS, Look, distances
from iqbench.culling.metadata import Metadata
from iqbench.errors import UsageError
from iqbench.progress import track


@dataclass(frozen=True)
class SeriesLimits:
    """What makes two photos one series. The fields are the settings ``series.*`` of conf/rank.yaml.

    Args:
        gap: Seconds between two photos of known time, at most.
        look: Bits of 128 in which their looks differ, at most.
        look_alone: The same for two photos of which one has no time.

    Raises:
        UsageError: If a value is out of range.
    """

    gap: float
    look: float
    look_alone: float

    def __post_init__(self) -> None:
        if not self.gap >= 0:
            raise UsageError(f"series.gap={self.gap}: must be 0 seconds or more")
        for name in ("look", "look_alone"):
            value = getattr(self, name)
            if not -1 <= value < BITS:
                raise UsageError(f"series.{name}={value}: must be from 0 to {BITS - 1} bits; -1 joins no photos")


def series_of(looks: Sequence[Look | None], taken: Sequence[Metadata], limits: SeriesLimits) -> Int[np.ndarray, "n"]:
    """Return the number of the series of each photo: photos are joined directly, or through others.

    Two photos of known time are joined if both time and look are near: the same place on another day is another series,
    and so is another subject a second later. Where one has no time the look decides, by a stricter limit. Times are
    compared in UTC if every photo has an offset, else by the cameras' clocks.

    Args:
        looks: The looks, None for a photo that could not be read: it is a series of its own.
        taken: When each was taken.
        limits: The limits.
    """
    times = _times(taken)
    order = np.argsort(times, kind="stable")  # those without a time, NaN, come last
    known = int(np.isfinite(times).sum())
    links: list[tuple[int, int]] = []
    for place, at in enumerate(track(order, "series", len(order))):
        look = looks[at]
        if look is None:
            continue
        if place < known:
            end = int(np.searchsorted(times[order[:known]], times[at] + limits.gap, side="right"))
            links += _near(at, look, [*order[place + 1 : end]], looks, limits.look)
        else:
            links += _near(at, look, [*order[:place]], looks, limits.look_alone)
    first, second = np.array(links, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(len(looks), len(looks)))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _near(
    at: int, look: Look, others: Sequence[int], looks: Sequence[Look | None], limit: float
) -> list[tuple[int, int]]:
    known = [(other, there) for other in others if (there := looks[other]) is not None]
    if not known:
        return []
    far = distances(look, [there for _, there in known])
    return [(at, other) for (other, _), distance in zip(known, far, strict=True) if distance <= limit]


def _times(taken: Sequence[Metadata]) -> Float64[np.ndarray, "n"]:
    is_utc = all(each.offset is not None for each in taken if each.taken is not None)
    seconds = [np.nan if each.taken is None else each.taken - ((each.offset or 0) if is_utc else 0) for each in taken]
    return np.array(seconds, dtype=np.float64)
