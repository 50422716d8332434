"""The worker: decode a photo, make its variants, and prepare each picture for one model."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
import torch
from jaxtyping import Shaped, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from iqbench import photos
from iqbench.inference import model_calls
from iqbench.inference.failures import NOT_APPLICABLE, Failure
from iqbench.inference.image_statistics import ImageStatistics, image_statistics
from iqbench.inference.perceptual_hash import perceptual_hash
from iqbench.interfaces import (
    NotApplicable,
    Photo,
    PhotoContext,
    PhotoFile,
    Prepares,
    QualityModel,
    Variant,
    shown_input,
)


@dataclass(frozen=True)
class PhotoRecord:
    """A photo as it was read, or the reason why it could not be read.

    ``name`` identifies the photo in all results, ``sha256`` is that of the decoded bytes, and ``notes``
    lists faults of the file that did not prevent decoding. ``statistics`` and ``look``, the perceptual hash, are
    those of the original.
    """

    name: str
    sha256: str | None = None
    file_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    notes: str = ""
    status: str = "ok"
    error: str = ""
    statistics: ImageStatistics | None = None
    look: str | None = None

    @classmethod
    def of(
        cls, name: str, decoded: photos.DecodedPhoto, statistics: ImageStatistics | None = None, look: str | None = None
    ) -> "PhotoRecord":
        """Return the record of a decoded photo."""
        height, width = decoded.pixels.shape[:2]
        notes = "; ".join(decoded.notes)
        return cls(name, decoded.sha256, decoded.file_bytes, width, height, notes, statistics=statistics, look=look)

    @classmethod
    def failed(cls, name: str, status: str, error: str) -> "PhotoRecord":
        """Return the record of a photo that could not be read."""
        return cls(name, status=status, error=error)


class Stack(NamedTuple):
    """Prepared pictures of equal shape, with their positions in the suite."""

    positions: Sequence[int]
    pictures: Shaped[Tensor, "n ..."]


class InputChange(NamedTuple):
    """The mean and the largest absolute change at the model's own input, in its units; NaN where shapes differ."""

    mean: float
    largest: float


UNKNOWN_CHANGE = InputChange(float("nan"), float("nan"))


@dataclass(frozen=True)
class PreparedPhoto:
    """A photo and its variants, prepared for one model.

    Positions count the pictures: 0 is the original, i + 1 the variant i of the suite. A picture that failed
    is in ``failures`` and nowhere else.
    """

    record: PhotoRecord
    stacks: Sequence[Stack] = ()
    input_changes: Mapping[int, InputChange] = field(default_factory=dict)
    statistics: Mapping[int, ImageStatistics] = field(default_factory=dict)
    failures: Mapping[int, Failure] = field(default_factory=dict)
    original: UInt8[Tensor, "height width 3"] | None = None
    """The photo, if the worker has left pictures out that are made elsewhere."""

    @property
    def pixels_left(self) -> int:
        """Pixels of the photo if pictures of it are left out, else 0."""
        return 0 if self.original is None else self.original.shape[0] * self.original.shape[1]

    @classmethod
    def unread(cls, name: str, status: str, error: str) -> "PreparedPhoto":
        """Return the stand-in for a photo that could not be read, or whose worker died or hung."""
        return cls(PhotoRecord.failed(name, status, error))


@dataclass(frozen=True)
class LeftOut:
    """The pictures that no worker makes, since they are made elsewhere.

    Args:
        positions: Their positions.
        most_pixels: Pixels of the largest photo whose pictures are.
    """

    positions: frozenset[int] = frozenset()
    most_pixels: int = 0

    def of(self, photo: Photo) -> frozenset[int]:
        """Return the positions that are left out of a photo."""
        return self.positions if photo.shape[0] * photo.shape[1] <= self.most_pixels else frozenset()


NOTHING_LEFT_OUT = LeftOut()


class PhotoDataset(Dataset[PreparedPhoto]):
    """A data set of photos, each prepared with its variants in a worker.

    Args:
        files: The photos.
        variants: The variants of each.
        model: The model that they are prepared for.
        source_files: All photos of the source, for variants that are made with another photo.
        left_out: The pictures that are made elsewhere.
    """

    def __init__(
        self,
        files: Sequence[PhotoFile],
        variants: Sequence[Variant],
        model: QualityModel,
        source_files: Sequence[PhotoFile] = (),
        left_out: LeftOut = NOTHING_LEFT_OUT,
    ) -> None:
        self.files, self.variants, self.model = files, variants, model
        self.source_files, self.left_out = source_files or files, left_out

    def __len__(self) -> int:
        return len(self.files)

    def substitute(self, index: int, code: str, error: str) -> PreparedPhoto:
        """Return the stand-in for a photo whose worker died or hung."""
        return PreparedPhoto.unread(self.files[index].name, code, error)

    def __getitem__(self, index: int) -> PreparedPhoto:
        file, preparation = self.files[index], Preparation(self.model)
        try:
            decoded = photos.read(file.path, file.limits)
        except photos.PhotoError as error:
            return PreparedPhoto.unread(file.name, error.code, str(error))
        left_out = self.left_out.of(decoded.pixels)
        context = PhotoContext(file, self.source_files)
        for position, picture in pictures_of(decoded.pixels, self.variants, context, left_out):
            if preparation.take(position, picture):
                preparation.statistics[position] = image_statistics(picture)  # type: ignore[arg-type]  # no failure
        return preparation.result(file.name, decoded, perceptual_hash(decoded.pixels), bool(left_out))


def pictures_of(
    original: Photo, variants: Sequence[Variant], context: PhotoContext, left_out: Collection[int] = ()
) -> Iterator[tuple[int, Photo | Failure]]:
    """Yield a photo and its variants with their positions, one at a time, or the reason why one cannot be made.

    Args:
        original: The photo.
        variants: The variants.
        context: Where the photo comes from.
        left_out: The positions of those that are made elsewhere.

    Raises:
        Exception: Of a degradation, if it ends the run; see `iqbench.inference.failures.raise_if_fatal`.
    """
    if 0 not in left_out:
        yield 0, original
    for position, variant in enumerate(variants, start=1):
        if position in left_out:
            continue
        picture: Photo | Failure
        try:
            with np.errstate(all="warn", under="ignore"):  # NumPy's own settings, which a model may have changed
                picture = np.asarray(variant.picture(original, context))
        except NotApplicable as reason:
            picture = Failure(NOT_APPLICABLE, " ".join(str(reason).split()) or NOT_APPLICABLE)
        except photos.PhotoError as error:  # of another file that the copy is made from: no fault of the model
            picture = Failure(error.code, str(error))
        except BaseException as error:  # noqa: BLE001 - of other people's code
            picture = Failure.of("prepare_error", error)
        yield position, picture


class Preparation:
    """The pictures of one photo that a model has prepared so far.

    Args:
        model: The model, or what prepares for it.
    """

    def __init__(self, model: Prepares) -> None:
        self.model = model
        self.pictures: dict[int, Tensor] = {}
        self.statistics: dict[int, ImageStatistics] = {}
        self._changes: dict[int, InputChange] = {}
        self._failures: dict[int, Failure] = {}

    def take(self, position: int, picture: Photo | Failure, is_copy: bool = False) -> bool:
        """Prepare a picture, and return whether that succeeded. What was taken before at that position is forgotten.

        Args:
            position: Its position.
            picture: The picture, or the reason why there is none.
            is_copy: Whether it is a copy already, which the model may change.

        Raises:
            Exception: Of the model, if it ends the run; see `iqbench.inference.failures.raise_if_fatal`.
        """
        for taken in (self.pictures, self.statistics, self._changes, self._failures):
            taken.pop(position, None)
        if isinstance(picture, Failure):
            self._failures[position] = picture
            return False
        try:
            self.pictures[position] = model_calls.prepare(self.model, picture, is_copy)
        except BaseException as error:  # noqa: BLE001 - of other people's code
            self._failures[position] = Failure.of("prepare_error", error)
            return False
        self._changes[position] = self._change(position)
        return True

    def _change(self, position: int) -> InputChange:
        """Return the change of a picture that has been prepared, from the original."""
        if 0 not in self.pictures:
            return UNKNOWN_CHANGE
        return _input_change(*(shown_input(self.model, self.pictures[at]) for at in (0, position)))

    def result(
        self, name: str, decoded: photos.DecodedPhoto, look: str | None, with_original: bool = False
    ) -> PreparedPhoto:
        """Return the prepared photo.

        Args:
            name: Its name in the results.
            decoded: The photo as it was decoded.
            look: Its perceptual hash.
            with_original: Whether the photo itself goes along, for the pictures that are made elsewhere.
        """
        original = torch.from_numpy(np.require(decoded.pixels, requirements=("C", "W"))) if with_original else None
        record = PhotoRecord.of(name, decoded, self.statistics.get(0), look)
        return PreparedPhoto(record, _stacks(self.pictures), self._changes, self.statistics, self._failures, original)


def _stacks(pictures: Mapping[int, Tensor]) -> list[Stack]:
    """Return the pictures stacked by shape: fewer, larger tensors are cheaper to send to the parent."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for position, picture in pictures.items():
        groups.setdefault((picture.shape, picture.dtype), []).append(position)
    return [Stack(positions, torch.stack([pictures[p] for p in positions])) for positions in groups.values()]


def _input_change(original: Tensor, picture: Tensor) -> InputChange:
    if original.shape != picture.shape:
        return UNKNOWN_CHANGE
    if original.dtype == picture.dtype == torch.uint8:  # same numbers as below, ten times as fast
        before, after = original.numpy().ravel(), picture.numpy().ravel()
        return InputChange(cv2.norm(before, after, cv2.NORM_L1) / before.size, cv2.norm(before, after, cv2.NORM_INF))
    with np.errstate(all="ignore"):  # infinite inputs are refused later, as nonfinite
        change = np.abs(original.double().numpy() - picture.double().numpy())
    return InputChange(float(change.mean()), float(change.max()))
