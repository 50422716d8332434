"""What a model keeps of each photo: read once in a worker, encoded once on the device, asked about often."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.data import Dataset

from iqbench import photos
from iqbench.inference.batching import NONFINITE, Batcher, Failure
from iqbench.inference.engine_config import Settings
from iqbench.inference.worker import ON_ONE_PICTURE, one_line
from iqbench.inference.worker_pool import stream
from iqbench.interfaces import PhotoFile, QualityModel
from iqbench.models.rules import luma
from iqbench.progress import track


@dataclass(frozen=True)
class PhotoFacts:
    """What can be said of a photo without a model, or why it could not be read."""

    photo: str
    sha256: str | None = None
    file_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    brightness: float | None = None
    """The mean of its sRGB values, 0 to 255."""
    sharpness: float | None = None
    """As in `iqbench.models.rules.sharpness`."""
    notes: str = ""
    status: str = "ok"
    error: str = ""


Prepared = tuple[PhotoFacts, Tensor | None]
"""A photo as the model sees it, None where there is no such view."""


@dataclass(frozen=True)
class Encodings:
    """Photos as a model keeps them; 5 kB each where it keeps 1,280 numbers.

    Args:
        photos: The photos' facts, a row a photo.
        values: Their encodings on the CPU, rows of zeros where there is none.
    """

    photos: pd.DataFrame
    values: Float[Tensor, "n d"]

    @property
    def known(self) -> Bool[np.ndarray, "n"]:
        """Which photos have an encoding."""
        return (self.photos["status"] == "ok").to_numpy(bool, copy=True)


def encode_photos(
    model: QualityModel,
    files: Sequence[PhotoFile],
    settings: Settings,
    description: str,
    encode: Callable[[Tensor], Tensor] | None = None,
) -> Encodings:
    """Return what the model keeps of each photo, in the order of ``files``.

    Neither the number of workers nor the size of batches changes more than a rounding. A photo that
    cannot be read, prepared or encoded costs nothing but its own encoding.

    Args:
        model: The judge.
        files: The photos.
        settings: How the machine is used.
        description: What the progress bar says.
        encode: What is called instead of the model's own ``encode``.
    """
    batcher: Batcher[int] = Batcher(encode or settings.encoder(model), settings, network=isinstance(model, nn.Module))
    prepared = stream(files, lambda some: _Preparation(some, model), settings)
    facts: list[PhotoFacts] = []
    found: dict[int, Tensor] = {}
    failures: dict[int, Failure] = {}

    def deliver(encoded: Iterable[tuple[int, Tensor | Failure]]) -> None:
        for place, encoding in encoded:
            if not isinstance(encoding, Tensor):
                failures[place] = encoding
            elif encoding.isfinite().all():
                found[place] = encoding.cpu()
            else:
                failures[place] = NONFINITE

    with batcher:
        for place, (fact, picture) in enumerate(track(prepared, description, len(files))):
            facts.append(fact)
            if picture is not None:
                deliver(batcher.put(place, picture))
        deliver(batcher.flush())
    table = _table(facts)
    for place, (status, error) in failures.items():
        table.loc[place, ["status", "error"]] = status, error
    return Encodings(table, _stacked(found, len(files)))


class _Preparation(Dataset[Prepared]):
    """What the workers do: decode a photo, look at it, prepare it for the model."""

    def __init__(self, files: Sequence[PhotoFile], model: QualityModel) -> None:
        self.files, self.model = files, model

    def __len__(self) -> int:
        return len(self.files)

    def lost(self, code: str, error: str) -> Prepared:
        """Return what stands for the first photo, whose worker died or hung."""
        return PhotoFacts(self.files[0].name, status=code, error=error), None

    def __getitem__(self, index: int) -> Prepared:
        file = self.files[index]
        try:
            decoded = photos.read(file.path, file.limits)
        except photos.PhotoError as error:
            return PhotoFacts(file.name, status=error.code, error=str(error)), None
        picture, status, error_line = None, "ok", ""
        try:
            picture = self.model.prepare(decoded.pixels)
        except ON_ONE_PICTURE as error:
            status, error_line = "prepare_error", one_line(error)
        height, width = decoded.pixels.shape[:2]
        facts = PhotoFacts(
            file.name,
            decoded.sha256,
            decoded.file_bytes,
            width,
            height,
            float(decoded.pixels.mean()),
            luma(decoded.pixels)[1],
            "; ".join(decoded.notes),
            status,
            error_line,
        )
        return facts, picture


def _table(facts: Sequence[PhotoFacts]) -> pd.DataFrame:
    table = pd.DataFrame([asdict(fact) for fact in facts], columns=list(PhotoFacts.__dataclass_fields__))
    types = dict.fromkeys(["photo", "sha256", "notes", "status", "error"], "object")
    types |= dict.fromkeys(["file_bytes", "width", "height"], "Int64")
    types |= dict.fromkeys(["brightness", "sharpness"], "float64")
    return table.astype(types)


def _stacked(found: dict[int, Tensor], count: int) -> Float[Tensor, "n d"]:
    """Return the encodings in the order of their photos; a model's are all of one width."""
    first = next(chain(found.values(), [torch.zeros(1)]))
    values = torch.zeros(count, len(first), dtype=first.dtype)
    for place in sorted(found):
        values[place] = found.pop(place)
    return values
