"""The worker of several models: decode a photo once, make each variant once, and prepare it for every model.

What one model does to the process is undone before the next model is called, and such a model goes on alone: here it
would not be what it is alone.
"""

from collections.abc import Hashable, Iterable, Sequence, Set
from typing import Any, NamedTuple

import cv2
import numpy as np
from torch.utils.data import Dataset

from iqbench import photos
from iqbench.errors import one_line
from iqbench.inference.failures import Failure
from iqbench.inference.image_statistics import ImageStatistics, image_statistics
from iqbench.inference.perceptual_hash import perceptual_hash
from iqbench.inference.process_state import restore_surroundings, surroundings
from iqbench.inference.worker import NOTHING_LEFT_OUT, LeftOut, Preparation, PreparedPhoto, pictures_of
from iqbench.interfaces import Photo, PhotoContext, PhotoFile, Prepares, QualityModel, Variant


class Excluded(NamedTuple):
    """A photo that was not prepared for a model, since that model must go on alone, with the reason."""

    reason: str


class Lost(NamedTuple):
    """A photo whose worker died or hung: the status and the error of its rows."""

    status: str
    error: str


Outcome = PreparedPhoto | Excluded
"""What became of a photo for one model."""


def preparation_of(model: QualityModel) -> Prepares:
    """Return what prepares photos for a model: the model itself, unless its class offers a part that prepares alike.

    The class that defines ``prepare`` must be the one that defines ``preparation``: a subclass that prepares in
    another way, or an object with a ``prepare`` of its own, does not inherit it.
    """
    defines = next((kind for kind in type(model).__mro__ if "prepare" in vars(kind)), object)
    if "preparation" in vars(defines) and "prepare" not in getattr(model, "__dict__", {}):
        preparation: Prepares = model.preparation  # type: ignore[attr-defined]
        return preparation
    return model


def preparation_key(model: QualityModel) -> Hashable:
    """Return what is equal for models that prepare alike."""
    preparation: Any = preparation_of(model)
    key: Hashable = id(model) if preparation is model else preparation
    return key


class SharedPhotoDataset(Dataset[Lost | Sequence[Outcome | None]]):
    """A data set of photos, each prepared with its variants for several models in a worker.

    An item holds an outcome for each model, None for one that does not need the photo; `Lost` if its worker died.

    Args:
        files: The photos.
        variants: The variants of each.
        models: The models, or what prepares for them.
        needs: The numbers of the models that need each photo.
        source_files: All photos of the source.
        left_out: For each model the pictures that are made elsewhere; () if there are none.
    """

    def __init__(
        self,
        files: Sequence[PhotoFile],
        variants: Sequence[Variant],
        models: Sequence[Prepares],
        needs: Sequence[Set[int]],
        source_files: Sequence[PhotoFile],
        left_out: Sequence[LeftOut] = (),
    ) -> None:
        self.files, self.variants, self.models = files, variants, models
        self.needs, self.source_files = needs, source_files
        self.left_out = left_out or [NOTHING_LEFT_OUT] * len(models)

    def __len__(self) -> int:
        return len(self.files)

    def substitute(self, index: int, code: str, error: str) -> Lost | Sequence[Outcome | None]:
        """Return the mark of a photo whose worker died or hung."""
        return Lost(code, error)

    def __getitem__(self, index: int) -> Lost | Sequence[Outcome | None]:
        file, needed = self.files[index], self.needs[index]
        try:
            decoded = photos.read(file.path, file.limits)
        except photos.PhotoError as error:
            unread = PreparedPhoto.unread(file.name, error.code, str(error))
            return [unread if number in needed else None for number in range(len(self.models))]
        left_out = {number: self.left_out[number].of(decoded.pixels) for number in needed}
        turns = {number: _Turn(self.models[number], left_out[number]) for number in sorted(needed)}
        left_out_of_all = frozenset.intersection(*left_out.values()) if left_out else frozenset[int]()
        context = PhotoContext(file, self.source_files)
        is_shared = True  # a copy for all models, until one of them changes it
        try:
            for position, picture in pictures_of(decoded.pixels, self.variants, context, left_out_of_all):
                copy = _copy(picture) if is_shared else None
                _offer(turns.values(), position, picture, copy)
                if copy is not None and cv2.norm(copy.ravel(), np.ravel(picture), cv2.NORM_INF):
                    is_shared = False
                    _offer(turns.values(), position, picture)
        except Exception as error:  # noqa: BLE001 - of a degradation, which ends each run in its own way
            reason = f"a degradation ends the run: {one_line(error)}"
            return [Excluded(reason) if number in needed else None for number in range(len(self.models))]
        look = perceptual_hash(decoded.pixels)
        results = {
            number: turn.excluded or turn.result(file.name, decoded, look, bool(turn.left_out))
            for number, turn in turns.items()
        }
        return [results.get(number) for number in range(len(self.models))]


class _Turn(Preparation):
    """What one of several models has prepared of a photo, and why it must go on alone, if it must."""

    excluded: Excluded | None = None

    def __init__(self, model: Prepares, left_out: frozenset[int]) -> None:
        super().__init__(model)
        self.left_out = left_out


def _copy(picture: Photo | Failure) -> Photo | None:
    """Return a copy of a picture, in which a change is found faster than a copy is made; None if that is no photo."""
    if isinstance(picture, Failure) or picture.dtype != np.uint8 or not picture.size:
        return None
    return np.array(picture, order="C")


def _offer(turns: Iterable[_Turn], position: int, picture: Photo | Failure, copy: Photo | None = None) -> None:
    """Let each model prepare a picture, with settings and random numbers that no other model has touched.

    Args:
        turns: The models.
        position: The position of the picture.
        picture: The picture.
        copy: A copy for all models; by default each gets its own.
    """
    statistics: ImageStatistics | None = None
    before = surroundings()
    for turn in turns:
        if turn.excluded or position in turn.left_out:
            continue
        try:
            is_prepared = turn.take(position, picture if copy is None else copy, is_copy=copy is not None)
        except Exception as error:  # noqa: BLE001 - of the model; it ends that model's run, in its own process
            turn.excluded = Excluded(one_line(error))
            is_prepared = False
        if surroundings() != before:
            restore_surroundings(before)
            turn.excluded = Excluded("it changes settings or random numbers of the process")
        elif is_prepared:
            statistics = statistics or image_statistics(picture)  # type: ignore[arg-type]  # it is no failure
            turn.statistics[position] = statistics
