"""Controls: two variants that tell whether the benchmark itself, not the damage, moves a model."""

from functools import partial

from iqbench.degradations.jpeg import jpeg
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.interfaces import Photo, Variant

REENCODE_QUALITY = 95
"""The quality at which the predecessor saved every degraded copy, but not the original."""


def identity(photo: Photo) -> Photo:
    """Return a copy of ``photo``: every model must call it a tie."""
    return photo.copy()


def controls() -> list[Variant]:
    """Return the identity control and the re-encode control, which go along with every suite."""
    reencode = partial(jpeg, quality=REENCODE_QUALITY)
    ladders = [Ladder("identity", [Level("identity", identity)]), Ladder("reencode", [Level("reencode", reencode)])]
    return suite({"control": Degradation("control", ladders)})
