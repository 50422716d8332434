"""Encodings of a set of photos: a worker decodes and prepares each photo once, the device encodes it once."""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace
from itertools import chain

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.utils.data import Dataset

from iqbench import photos
from iqbench.inference import model_calls
from iqbench.inference.batching import NONFINITE, Batcher, Encoded, each_on_host
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import Failure
from iqbench.inference.image_statistics import ImageStatistics, image_statistics
from iqbench.inference.perceptual_hash import perceptual_hash
from iqbench.inference.worker import PhotoRecord
from iqbench.interfaces import Photo, PhotoFile, QualityModel, StoredAnswers
from iqbench.progress import track

log = logging.getLogger(__name__)

STATISTICS = {field.name: field.type for field in fields(ImageStatistics)}
"""Type of each image statistic, by its name in `ImageStatistics` and in the table of photos."""

COLUMNS = {"photo": "object", "sha256": "object", "file_bytes": "Int64", "width": "Int64", "height": "Int64"}
COLUMNS |= {"brightness": "float64", "sharpness": "float64", "notes": "object", "status": "object", "error": "object"}
COLUMNS |= {name: "Int64" if kind is int else "float64" for name, kind in STATISTICS.items()} | {"look": "object"}
"""Columns of the table of photos with their types. ``look`` is the perceptual hash, None for a photo without one."""

PreparedRecord = tuple[PhotoRecord, Tensor | None]
"""A photo's record, and the photo as the model sees it; None if there is no such view."""


@dataclass(frozen=True)
class Encodings:
    """The encodings of some photos by one model; 5 kB a photo for 1,280 numbers.

    Args:
        photos: A row per photo with the columns `COLUMNS`.
        values: A row per photo on the CPU, zeros where a photo has no encoding.
        batch_sizes: The size of the batches, and the one to which it fell for want of memory; () if it did not.
    """

    photos: pd.DataFrame
    values: Float[Tensor, "n d"]
    batch_sizes: tuple[int, ...] = ()

    @property
    def encoded(self) -> Bool[np.ndarray, "n"]:
        """A mask of the photos that have an encoding."""
        return (self.photos["status"] == "ok").to_numpy(bool, copy=True)


def encode_photos(
    model: QualityModel,
    files: Sequence[PhotoFile],
    settings: EngineConfig,
    description: str,
    encode: Callable[[Tensor], Tensor] | None = None,
) -> Encodings:
    """Return the encodings of the photos, in the order of ``files``.

    The number of workers and the batch size change no more than the last bits. A photo that cannot be
    read, prepared or encoded loses its own encoding only; its row has the reason.

    Args:
        model: The judge, on its device.
        files: The photos.
        settings: The engine config.
        description: The text beside the progress bar.
        encode: Called instead of the model's own ``encode``.
    """
    if isinstance(model, StoredAnswers) and (scores := model.scores_by_name(files)) is not None:
        return _stored_encodings(scores, files, settings, description)
    batcher: Batcher[int] = Batcher(model, settings, encode)
    records: list[PhotoRecord] = []
    encodings: dict[int, Tensor] = {}
    failures: dict[int, Failure] = {}

    def deliver(answers: Iterable[Encoded[int]]) -> None:
        for place, _, answer in each_on_host(answers):
            if isinstance(answer, Failure):
                failures[place] = answer
            else:
                encodings[place] = answer

    with batcher, closing(settings.worker_pool(len(files)).in_order(_PhotoRecords(files, model))) as prepared:
        for place, (record, picture) in enumerate(track(prepared, description, len(files))):
            records.append(record)
            if picture is not None:
                deliver(batcher.put(place, picture.unsqueeze(0)))
        deliver(batcher.flush())
    table = _table(records)
    for place, (status, error) in failures.items():
        table.loc[place, ["status", "error"]] = status, error
    sizes = int(settings.batch_size), batcher.size
    return Encodings(table, _stacked(encodings, len(files)), sizes if sizes[1] < sizes[0] else ())


def _stored_encodings(
    scores: Float[np.ndarray, "n"], files: Sequence[PhotoFile], settings: EngineConfig, description: str
) -> Encodings:
    """Return the encodings of photos whose scores are known by their names.

    The photos are opened for their statistics and their looks only, and only if all of them are there.

    Args:
        scores: The score of each photo; NaN where the model has no answer.
        files: The photos.
        settings: The engine config.
        description: The text beside the progress bar.
    """
    missing = sum(not file.path.is_file() for file in files)
    if missing:
        text = (
            "%d of %d photos are not here (such as %s): none is opened, so baselines that look at photos have no value"
        )
        log.info(text, missing, len(files), next(file.path for file in files if not file.path.is_file()))
        table = _table([PhotoRecord(file.name) for file in files])
    else:
        table = photo_table(files, settings, description)
    readable = table["status"] == "ok"
    unanswered = readable & ~np.isfinite(scores)
    table.loc[unanswered, ["status", "error"]] = NONFINITE.status, "the file of scores has no answer"
    values = torch.from_numpy(np.where(table["status"] == "ok", scores, 0.0)).unsqueeze(1)
    return Encodings(table, values)


def photo_table(files: Sequence[PhotoFile], settings: EngineConfig, description: str) -> pd.DataFrame:
    """Return a row per photo with the columns `COLUMNS`, computed without a model.

    Args:
        files: The photos.
        settings: The engine config.
        description: The text beside the progress bar.
    """
    with closing(settings.worker_pool(len(files)).in_order(_PhotoRecords(files, None))) as prepared:
        return _table([record for record, _ in track(prepared, description, len(files))])


class _PhotoRecords(Dataset[PreparedRecord]):
    """Decodes photos in a worker, computes their image statistics, and prepares them for a model if there is one."""

    def __init__(self, files: Sequence[PhotoFile], model: QualityModel | None) -> None:
        self.files, self.model = files, model

    def __len__(self) -> int:
        return len(self.files)

    def substitute(self, index: int, code: str, error: str) -> PreparedRecord:
        """Return the record of a photo whose worker died or hung."""
        return PhotoRecord.failed(self.files[index].name, code, error), None

    def __getitem__(self, index: int) -> PreparedRecord:
        file = self.files[index]
        try:
            decoded = photos.read(file.path, file.limits)
        except photos.PhotoError as error:
            return PhotoRecord.failed(file.name, error.code, str(error)), None
        picture, failure = self._prepared(decoded.pixels)
        look = perceptual_hash(decoded.pixels)
        record = PhotoRecord.of(file.name, decoded, image_statistics(decoded.pixels), look)
        return replace(record, status=failure.status, error=failure.error) if failure else record, picture

    def _prepared(self, pixels: Photo) -> tuple[Tensor | None, Failure | None]:
        """Return the photo as the model sees it, or the reason why the model cannot prepare it."""
        if self.model is None:
            return None, None
        try:
            return model_calls.prepare(self.model, pixels), None
        except BaseException as error:  # noqa: BLE001 - of other people's code
            return None, Failure.of("prepare_error", error)


def _table(records: Sequence[PhotoRecord]) -> pd.DataFrame:
    unread = dict.fromkeys(STATISTICS)
    rows = [
        {"photo": record.name} | vars(record) | (asdict(record.statistics) if record.statistics else unread)
        for record in records
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _stacked(encodings: dict[int, Tensor], count: int) -> Float[Tensor, "n d"]:
    """Return the encodings in the order of their photos and empty the dictionary, to save memory."""
    first = next(chain(encodings.values(), [torch.zeros(1)]))
    values = torch.zeros(count, len(first), dtype=first.dtype)
    for place in sorted(encodings):
        values[place] = encodings.pop(place)
    return values
