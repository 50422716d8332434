"""What the workers do: decode a photo, degrade it, prepare each picture for one model."""

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor
from torch.utils.data import Dataset

from iqbench import photos
from iqbench.inference.image_statistics import ImageStatistics, image_statistics
from iqbench.interfaces import Photo, PhotoFile, QualityModel, Variant
from iqbench.results.schema import PhotoRow

ON_ONE_PICTURE = (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError, cv2.error)
"""What a degradation or a model may raise on a picture at the cost of that row; anything else stops the run."""


@dataclass(frozen=True)
class PhotoRecord:
    """A photo's file, its size and its image statistics; or the reason why it could not be read or prepared."""

    name: str
    sha256: str | None = None
    file_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    notes: str = ""
    status: str = "ok"
    error: str = ""
    statistics: ImageStatistics | None = None


@dataclass
class Views:
    """A photo and its variants as one model sees them, on their way from a worker to the device.

    ``stacks`` holds the pictures that have equal shapes together, with their positions: 0 is the
    original, i + 1 the variant i of the suite.
    """

    photo: PhotoRow
    stacks: list[tuple[list[int], Shaped[Tensor, "n ..."]]] = field(default_factory=list)
    changes: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Mean and largest absolute change at the model's own input, in its units; NaN where shapes differ."""
    facts: dict[int, ImageStatistics] = field(default_factory=dict)
    failures: dict[int, tuple[str, str]] = field(default_factory=dict)
    encodings: dict[int, Tensor] = field(default_factory=dict)
    expected: int = 0
    """How many pictures are still to be encoded."""

    def take_stacks(self) -> list[tuple[list[int], Shaped[Tensor, "n ..."]]]:
        """Return the stacks, and let go of them: their pictures are expected back as encodings."""
        taken, self.stacks = self.stacks, []
        self.expected = sum(len(positions) for positions, _ in taken)
        return taken


class Workshop(Dataset[Views]):
    """What the workers do: decode a photo, degrade it, prepare each picture."""

    def __init__(self, files: Sequence[PhotoFile], variants: Sequence[Variant], model: QualityModel) -> None:
        self.files = files
        self.variants = variants
        self.model = model

    def __len__(self) -> int:
        return len(self.files)

    def lost(self, code: str, error: str) -> Views:
        """Return what stands for the first photo, whose worker died or hung."""
        return Views(PhotoRow(self.files[0].name, None, None, None, None, status=code, error=error))

    def __getitem__(self, index: int) -> Views:
        file = self.files[index]
        try:
            decoded = photos.read(file.path, file.limits)
        except photos.PhotoError as error:
            return Views(PhotoRow(file.name, None, None, None, None, status=error.code, error=str(error)))
        height, width = decoded.pixels.shape[:2]
        notes = "; ".join(decoded.notes)
        views = Views(PhotoRow(file.name, decoded.sha256, decoded.file_bytes, width, height, notes=notes))
        prepared: dict[int, Tensor] = {}
        for position in range(len(self.variants) + 1):
            try:
                picture = self.variants[position - 1].apply(decoded.pixels) if position else decoded.pixels
                picture = _read_only(picture)
                prepared[position] = self.model.prepare(picture)
            except ON_ONE_PICTURE as error:
                views.failures[position] = ("prepare_error", one_line(error))
                continue
            views.facts[position] = image_statistics(picture)
            views.changes[position] = _change(prepared.get(0), prepared[position])
        views.stacks = _stacked(prepared)
        if own := views.facts.get(0):
            views.photo = replace(
                views.photo,
                brightness=own.brightness,
                sharpness=own.sharpness,
                encoded_bytes=own.encoded_bytes,
            )
        return views


def start_worker(index: int) -> None:
    """Keep a worker to one thread: there is a worker for each core. Ended it is by the parent, and at once."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _read_only(picture: Photo) -> Photo:
    """Return a picture as nobody can change it who is handed it: it is looked at more than once."""
    seen = np.asarray(picture).view()
    seen.flags.writeable = False
    return seen


def _stacked(prepared: dict[int, Tensor]) -> list[tuple[list[int], Tensor]]:
    """Return the pictures of equal shape together: fewer, larger pieces to send and to encode."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for position, picture in prepared.items():
        groups.setdefault((picture.shape, picture.dtype), []).append(position)
    return [(positions, torch.stack([prepared[p] for p in positions])) for positions in groups.values()]


def _change(original: Tensor | None, picture: Tensor) -> tuple[float, float]:
    if original is None or original.shape != picture.shape:
        return float("nan"), float("nan")
    if original.dtype == picture.dtype == torch.uint8:  # whole numbers: the same, and ten times as fast
        one, other = original.numpy().ravel(), picture.numpy().ravel()
        return cv2.norm(one, other, cv2.NORM_L1) / one.size, cv2.norm(one, other, cv2.NORM_INF)
    with np.errstate(invalid="ignore"):  # what is infinite is refused by its row
        change = np.abs(original.detach().double().numpy() - picture.detach().double().numpy())
    return float(change.mean()), float(change.max())


def one_line(error: Exception) -> str:
    """Return an exception as one line of at most 200 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
