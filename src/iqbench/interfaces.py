"""What the parts of iqbench promise each other: photos, preferences, and models that judge."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, final, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor

Photo = UInt8[np.ndarray, "height width 3"]
"""An sRGB photo of any size, upright, without alpha."""


class Preference(Enum):
    """Which photo of an ordered pair is better. The only type in iqbench that says so.

    The value is the training target: the probability that the *first* photo is better.

    Example:
        >>> Preference.of(margin=1.2), Preference.of(margin=-0.1), Preference.of(margin=0.0)
        (<Preference.FIRST: 1.0>, <Preference.SECOND: 0.0>, <Preference.TIE: 0.5>)
        >>> Preference.FIRST.swapped()
        <Preference.SECOND: 0.0>
    """

    FIRST = 1.0
    SECOND = 0.0
    TIE = 0.5

    @classmethod
    def of(cls, margin: float, tie_margin: float = 0.0) -> "Preference":
        """Return what a margin says; margins of at most ``tie_margin`` in size are ties."""
        if abs(margin) <= tie_margin:
            return cls.TIE
        return cls.FIRST if margin > 0 else cls.SECOND

    def swapped(self) -> "Preference":
        """Return the same preference with the two photos in the other order."""
        return Preference(1.0 - self.value)


@runtime_checkable
class QualityModel(Protocol):
    """A judge of photos. Three verbs; comparison is the basic one.

    ``margin(a, b) = -margin(b, a)`` and ``margin(a, a) = 0``. The benchmark does not take this on
    trust: it asks in both orders, combines the answers and reports how often they agree.
    """

    def prepare(self, photo: Photo) -> Shaped[Tensor, "..."]:
        """Return the model's own view of a photo, which is read-only: copy it first to change it.

        Runs on the CPU, in a worker process.
        """
        ...

    def encode(self, inputs: Shaped[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Return what the model keeps of each picture. Runs on the device, once per picture."""
        ...

    def margin(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
        """Return the log-odds that ``first`` is better, pair by pair, from encodings."""
        ...


class Scorer(ABC):
    """A model that also has a score: it encodes a photo as one number, higher is better."""

    @abstractmethod
    def prepare(self, photo: Photo) -> Shaped[Tensor, "..."]:
        """See `QualityModel.prepare`."""

    @abstractmethod
    def encode(self, inputs: Shaped[Tensor, "n ..."]) -> Float[Tensor, "n 1"]:
        """Return the score of each picture as its only feature."""

    @final
    def margin(self, first: Float[Tensor, "n 1"], second: Float[Tensor, "n 1"]) -> Float[Tensor, "n"]:
        """Return the difference of the two scores."""
        return (first - second).squeeze(1)


@dataclass(frozen=True)
class Limits:
    """Which photos are refused by their header, before memory is taken."""

    max_pixels: int
    min_side: int


STANDARD_LIMITS = Limits(64_000_000, 32)


@dataclass(frozen=True)
class PhotoFile:
    """A photo that was found but not opened: where it lies, and the name that results call it by."""

    name: str
    """Relative to its source and starting with ``./``, with undecodable bytes escaped."""
    path: Path
    limits: Limits = STANDARD_LIMITS


@dataclass(frozen=True)
class PhotoListing:
    """What a source holds: photos in sorted order, and how many other files were passed over, by reason."""

    files: Sequence[PhotoFile]
    ignored: dict[str, int]


class PhotoSource(Protocol):
    """Something that lists photos: the samples, a folder, the test split of a data set."""

    def photos(self) -> PhotoListing:
        """Return the photos to judge, the same ones in the same order each time."""
        ...


Group = Literal["technical", "compositional", "control"]
"""Damage to the picture, to the framing, or none that should matter."""


@dataclass(frozen=True)
class Variant:
    """One damaged copy of a photo: where it stands in the suite, and how to make it.

    ``ladder`` is unique in the suite (``exposure/darker``); ``severity`` counts from 1, the mildest.
    ``amount`` is how much damage it is in the ladder's ``unit``; None where the damage has no measure.
    """

    type: str
    group: Group
    ladder: str
    level: str
    severity: int
    apply: Callable[[Photo], Photo]
    amount: float | None = None
    unit: str = ""

    @property
    def key(self) -> str:
        """The variant's name in the store: unique, because a type names each of its levels once."""
        return f"{self.type}/{self.level}"


SHA_DIGITS = 16
"""How many hex digits of a photo's sha256 a checkpoint keeps, to tell later whether it was trained on that photo."""


class Pairs(NamedTuple):
    """Examples for learning from preferences: prepared pictures, and the probability that the first is better."""

    first: Shaped[Tensor, "n ..."]
    second: Shaped[Tensor, "n ..."]
    preference: Float[Tensor, "n"]
    weight: Float[Tensor, "n"]
    row: Int[Tensor, "n"]
    """Each pair's row in its table, to tell later which one it was."""


class Votes(NamedTuple):
    """Examples for learning from votes: prepared pictures, and the share of votes for ratings 1 to 10."""

    pictures: Shaped[Tensor, "n ..."]
    votes: Float[Tensor, "n 10"]
    weight: Float[Tensor, "n"]
    row: Int[Tensor, "n"]


Labels = Literal["pairs", "votes"]
"""What there is to learn from: preferences between two photos, or votes for one."""

Split = Literal["train", "val", "test"]
"""The parts of a labelled set: to learn from, to choose the best epoch by, and to report on."""
