"""Types shared by all parts of iqbench: photos, preferences, models, variants and examples."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeGuard, final, runtime_checkable

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor

Photo = UInt8[np.ndarray, "height width 3"]
"""An sRGB photo of any size, upright, without alpha."""


class Preference(Enum):
    """Which photo of an ordered pair is better.

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
        """Return the preference that a margin expresses; margins of at most ``tie_margin`` in size are ties."""
        if abs(margin) <= tie_margin:
            return cls.TIE
        return cls.FIRST if margin > 0 else cls.SECOND

    def swapped(self) -> "Preference":
        """Return the same preference with the two photos in the other order."""
        return Preference(1.0 - self.value)


class Prepares(Protocol):
    """What prepares photos: a model, or the part of it that does."""

    def prepare(self, photo: Photo) -> Shaped[Tensor, "..."]:
        """See `QualityModel.prepare`."""
        ...


@runtime_checkable
class QualityModel(Protocol):
    """A model that compares photos, in three steps: prepare, encode, compare.

    ``margin(a, b) = -margin(b, a)`` and ``margin(a, a) = 0``. The benchmark checks this: it scores
    both orders, combines the margins and reports how often they agree.

    A model may change the arguments of its functions and keep state in itself: only one of its functions runs at a
    time. A network whose class says ``thread_safe = True`` is encoded in several threads at once, which is faster on
    a CPU.

    A class may define ``preparation`` beside ``prepare``: an object that prepares photos in the same way (`Prepares`),
    hashable and equal for models that prepare alike. A sweep then prepares a photo once for all of these.

    That object may have an attribute ``on_tensors``: a function that prepares photos of one size, uint8 of the shape
    (n, 3, height, width), on any device, and returns a uint8 tensor with the same bytes; None if it has none. With
    ``engine.pictures=device`` the pictures of a run are then made beside the network.
    """

    def prepare(self, photo: Photo) -> Shaped[Tensor, "..."]:
        """Return the network input for a photo, a tensor on the CPU. The photo is the model's own copy.

        Runs on the CPU, in a worker process. An exception costs the rows of this picture.
        """
        ...

    def encode(self, inputs: Shaped[Tensor, "n ..."]) -> Float[Tensor, "n d"]:
        """Return the encoding of each picture. Runs on the device, once per picture."""
        ...

    def margin(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> Float[Tensor, "n"]:
        """Return the log-odds that ``first`` is better, for each pair of encodings.

        Called for many more pairs than there are pictures, so the work belongs into ``encode``.
        """
        ...


class Scorer(ABC):
    """A model whose encoding of a photo is one number, its score; higher is better."""

    @abstractmethod
    def prepare(self, photo: Photo) -> Shaped[Tensor, "..."]:
        """See `QualityModel.prepare`."""

    @abstractmethod
    def encode(self, inputs: Shaped[Tensor, "n ..."]) -> Float[Tensor, "n 1"]:
        """Return the score of each picture."""

    @final
    def margin(self, first: Float[Tensor, "n 1"], second: Float[Tensor, "n 1"]) -> Float[Tensor, "n"]:
        """Return the difference of the two scores."""
        return (first - second).squeeze(1)


def is_scorer(model: object) -> TypeGuard[Scorer]:
    """Return whether a model's encoding of a photo is its score.

    That is a `Scorer`, or a model of which it depends on a setting; it says so in its attribute ``is_scorer``.
    """
    return isinstance(model, Scorer) or getattr(model, "is_scorer", False) is True


@runtime_checkable
class CostlyPairs(Protocol):
    """A model whose work is done pair by pair, in ``margin``: it says ``costly_pairs = True``.

    The benchmark does not ask it about pairs of different photos, which are more than all others together.
    """

    costly_pairs: Literal[True]


@runtime_checkable
class RemembersAnswers(Protocol):
    """A model that remembers its answers beyond a run: the repeat sample asks it anew."""

    def asking_again(self) -> AbstractContextManager[None]:
        """Return a context in which no answer from before is used."""
        ...


@runtime_checkable
class IgnoresSettings(Protocol):
    """A model of iqbench of which some settings change no answer, such as a time limit: its fingerprint has none."""

    ignored_settings: Collection[str]


@runtime_checkable
class PacksInputs(Protocol):
    """What prepares several inputs as one tensor: it says which of them is shown, and measured for change."""

    def shown_input(self, prepared: Shaped[Tensor, "..."]) -> Shaped[Tensor, "..."]:
        """Return that input of a prepared photo."""
        ...


def shown_input(model: object, prepared: Shaped[Tensor, "..."]) -> Shaped[Tensor, "..."]:
    """Return what of a prepared photo is shown to people and measured for change: all, unless it holds several."""
    return model.shown_input(prepared) if isinstance(model, PacksInputs) else prepared


@runtime_checkable
class CombinesMembers(Protocol):
    """A model that combines others: the name of its rule, and the fingerprint of each member by its name."""

    variant: str
    member_fingerprints: Mapping[str, str]


@runtime_checkable
class SaysMember(Protocol):
    """A model that combines others, and says which of them it listened to."""

    def listened_to(self, first: Float[Tensor, "n d"], second: Float[Tensor, "n d"]) -> list[str | None]:
        """Return the name of that member for each pair of encodings; None where all were heard."""
        ...


@dataclass(frozen=True)
class Limits:
    """Size limits, checked in a photo's header before memory is allocated."""

    max_pixels: int
    min_side: int


STANDARD_LIMITS = Limits(64_000_000, 32)


@dataclass(frozen=True)
class PhotoFile:
    """A photo file that is not opened yet: its path, and its name in the results.

    The path is made absolute, because a model may change the current folder.
    """

    name: str
    """Relative to its source and starting with ``./``, with undecodable bytes escaped."""
    path: Path
    limits: Limits = STANDARD_LIMITS
    series: str = ""
    """The name of its series in a data set of series, "" elsewhere."""

    def __post_init__(self) -> None:
        if not self.path.is_absolute():
            object.__setattr__(self, "path", self.path.absolute())


ClusterChoice = Literal["look", "sha256", "series", "folder", "photo"]
"""What makes photos one cluster, which the statistics count as one.

- ``photo``: nothing, each photo is its own cluster.
- ``sha256``: equal bytes.
- ``look``: equal bytes, or nearly the same picture.
- ``series``: as ``look``, or of one series of the data set.
- ``folder``: as ``look``, or in one folder.

Clusters that share a photo are one, so near-copies in two series join these.
"""


@dataclass(frozen=True)
class PhotoListing:
    """The photos of a source, sorted, the number of ignored files by reason, and what makes photos one cluster."""

    files: Sequence[PhotoFile]
    ignored: dict[str, int]
    cluster: ClusterChoice = "look"
    ignored_examples: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The names of the first ignored files of each reason."""


class PhotoSource(Protocol):
    """A source of photos: the samples, a folder, or the test split of a data set."""

    def photos(self) -> PhotoListing:
        """Return the photos, in the same order each time."""
        ...


class NotApplicable(Exception):  # noqa: N818 - named after what it says
    """A degradation raises it for a photo of which it cannot be made, with the reason.

    Removing a subject needs a photo that has one. The row gets the status ``not_applicable``: nobody was asked, so it
    counts in no number, and it is no failure.
    """


@dataclass(frozen=True)
class PhotoContext:
    """Where a photo comes from: its file, and all photos of its source, of which a run may judge a shard."""

    file: PhotoFile
    source_files: Sequence[PhotoFile]


Group = Literal["technical", "compositional", "semantic", "control"]
"""Damage to the picture, to the framing, or to what the photo shows; or a control, which enters no mean."""


@dataclass(frozen=True)
class Variant:
    """One degraded version of a photo: its place in the suite, and the function that makes it.

    ``ladder`` is unique in the suite (``exposure/darker``); ``severity`` counts from 1, the mildest.
    ``amount`` is the damage in the ladder's ``unit``; None where the damage has no measure. With ``needs_context``
    the function takes the photo's `PhotoContext` (None for a photo without a file) as a second argument. ``made_with``
    names what it depends on besides its settings, such as the network that was found on this machine.
    """

    type: str
    group: Group
    ladder: str
    level: str
    severity: int
    apply: Callable[..., Photo]
    amount: float | None = None
    unit: str = ""
    needs_context: bool = False
    made_with: str = ""

    def picture(self, photo: Photo, context: PhotoContext | None) -> Photo:
        """Return the degraded copy of a photo, which may be a view of it.

        Args:
            photo: The original.
            context: Where it comes from, None if it has no file.

        Raises:
            NotApplicable: If it cannot be made of this photo.
        """
        return self.apply(photo, context) if self.needs_context else self.apply(photo)

    @property
    def key(self) -> str:
        """The variant's name in the store. It is unique, since a type names each of its levels once."""
        return f"{self.type}/{self.level}"


@runtime_checkable
class StoredAnswers(Protocol):
    """A scorer whose scores were computed elsewhere: it has those of certain pictures and of no others."""

    def check_answers(self, files: Sequence[PhotoFile], variants: Sequence[Variant]) -> None:
        """Return if the scores of these photos and of all their variants are there.

        Raises:
            MissingResource: If some are not, with their number.
        """
        ...

    def scores_by_name(self, files: Sequence[PhotoFile]) -> Float[np.ndarray, "n"] | None:
        """Return the score of each photo by its name, so that no photo is opened; NaN where there is no answer.

        None where pictures are recognised by their pixels.
        """
        ...


SHA_DIGITS = 16
"""Hex digits of a photo's sha256 in a checkpoint, by which training photos are recognised later."""


class Pairs(NamedTuple):
    """A batch of pairs: prepared pictures, and the probability that the first is better."""

    first: Shaped[Tensor, "n ..."]
    second: Shaped[Tensor, "n ..."]
    preference: Float[Tensor, "n"]
    weight: Float[Tensor, "n"]
    row: Int[Tensor, "n"]
    """Each pair's row in its table."""


class Votes(NamedTuple):
    """A batch of photos with votes: prepared pictures, and the share of votes for ratings 1 to 10."""

    pictures: Shaped[Tensor, "n ..."]
    votes: Float[Tensor, "n 10"]
    weight: Float[Tensor, "n"]
    row: Int[Tensor, "n"]


Labels = Literal["pairs", "votes"]
"""Kinds of labels: preferences between two photos, or votes for one."""

Split = Literal["train", "val", "test"]
"""Parts of a labelled set: for training, for choosing the best epoch, and for reporting."""
