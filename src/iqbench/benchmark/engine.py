"""The engine: photos in, margins out, one photo's rows at a time.

Each photo is decoded once, each variant made once, each picture encoded once. Workers decode,
degrade and prepare; the parent process encodes, compares and hands rows to the store.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from iqbench import photos
from iqbench.benchmark.store import ORIGINAL, PairRow, PhotoRow
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoFile, QualityModel, Scorer, Variant

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Settings:
    """How the engine uses the machine; nothing here changes a verdict beyond rounding.

    Args:
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: Of the network: ``fp32``, ``bf16`` or ``fp16``.
        batch_size: Pictures that are encoded together.
        workers: Processes that decode and degrade; ``auto`` is one a core, 0 is none.
    """

    device: str
    precision: str
    batch_size: int
    workers: int | str

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(f"engine.precision={self.precision}: must be one of {', '.join(PRECISIONS)}")
        if self.batch_size < 1:
            raise UsageError(f"engine.batch_size={self.batch_size}: must be 1 or more")
        if self.workers != "auto" and not (isinstance(self.workers, int) and self.workers >= 0):
            raise UsageError(f"engine.workers={self.workers}: must be auto, or 0 or more")

    @property
    def torch_device(self) -> torch.device:
        """The device, with ``auto`` decided.

        Raises:
            UsageError: If there is no such device.
        """
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        try:
            device = torch.device(self.device)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"engine.device={self.device}: not to be had here ({reason})") from error
        return device

    def place(self, model: QualityModel) -> QualityModel:
        """Return the model ready to judge: on the device, and not in training."""
        if isinstance(model, nn.Module):
            model.eval().to(self.torch_device)
        return model

    @property
    def worker_count(self) -> int:
        """The number of worker processes, with ``auto`` decided."""
        return len(os.sched_getaffinity(0)) if self.workers == "auto" else int(self.workers)


@dataclass
class Views:
    """A photo and its variants as one model sees them, on their way from a worker to the device.

    ``stacks`` holds the pictures that have equal shapes together, with their positions: 0 is the
    original, i + 1 the variant i of the suite.
    """

    photo: PhotoRow
    stacks: list[tuple[list[int], Shaped[Tensor, "n ..."]]] = field(default_factory=list)
    changes: dict[int, float] = field(default_factory=dict)
    pixels: dict[int, int] = field(default_factory=dict)
    failures: dict[int, tuple[str, str]] = field(default_factory=dict)


class _Workshop(Dataset[Views]):
    """What the workers do: decode a photo, degrade it, prepare each picture."""

    def __init__(self, files: Sequence[PhotoFile], variants: Sequence[Variant], model: QualityModel) -> None:
        self.files = files
        self.variants = variants
        self.model = model

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> Views:
        file = self.files[index]
        try:
            decoded = photos.read(file.path)
        except photos.PhotoError as error:
            return Views(PhotoRow(file.name, None, None, None, None, status=error.code, error=str(error)))
        height, width = decoded.pixels.shape[:2]
        notes = "; ".join(decoded.notes)
        views = Views(PhotoRow(file.name, decoded.sha256, decoded.file_bytes, width, height, notes=notes))
        prepared: dict[int, Tensor] = {}
        for position in range(len(self.variants) + 1):
            try:
                picture = self.variants[position - 1].apply(decoded.pixels) if position else decoded.pixels
                prepared[position] = self.model.prepare(picture)
            except (ValueError, RuntimeError, cv2.error) as error:
                views.failures[position] = ("prepare_error", _line(error))
                continue
            views.pixels[position] = picture.shape[0] * picture.shape[1]
            views.changes[position] = _change(prepared.get(0), prepared[position])
        views.stacks = _stacked(prepared)
        return views


def answers(
    model: QualityModel, files: Sequence[PhotoFile], variants: Sequence[Variant], settings: Settings
) -> Iterator[tuple[PhotoRow, list[PairRow]]]:
    """Yield each photo with the model's answers about its pairs, in the order of ``files``.

    The pairs are the original against every variant, and every level against the next one of its
    ladder. What fails has a row that says so.
    """
    loader = DataLoader(
        _Workshop(files, variants, model),
        batch_size=None,
        num_workers=settings.worker_count if len(files) > 1 else 0,
        worker_init_fn=_start_worker,
    )
    references = _references(variants)
    device = settings.torch_device
    for views in loader:
        encodings = _encode(model, views, device, settings) if views.photo.status == "ok" else {}
        yield views.photo, _pairs(model, views, encodings, variants, references)


def _start_worker(index: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _stacked(prepared: dict[int, Tensor]) -> list[tuple[list[int], Tensor]]:
    """Return the pictures of equal shape together: fewer, larger pieces to send and to encode."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for position, picture in prepared.items():
        groups.setdefault((picture.shape, picture.dtype), []).append(position)
    return [(positions, torch.stack([prepared[p] for p in positions])) for positions in groups.values()]


def _change(original: Tensor | None, picture: Tensor) -> float:
    """Return the mean absolute change at the model's own input, in its units; NaN where shapes differ."""
    if original is None or original.shape != picture.shape:
        return float("nan")
    return float((original.double() - picture.double()).abs().mean())


def _encode(
    model: QualityModel, views: Views, device: torch.device, settings: Settings
) -> dict[int, Float[Tensor, "d"]]:
    """Return the encoding of each picture by position; what the model cannot encode goes to ``failures``."""
    encodings: dict[int, Tensor] = {}
    for positions, stack in views.stacks:
        for start in range(0, len(positions), settings.batch_size):
            some = positions[start : start + settings.batch_size]
            batch = stack[start : start + settings.batch_size]
            try:
                encodings.update(zip(some, _encode_batch(model, batch, device, settings), strict=True))
            except RuntimeError:
                _encode_singly(model, views, some, batch, device, settings, encodings)
    for position, encoding in list(encodings.items()):
        if not bool(encoding.isfinite().all()):
            views.failures[position] = ("nonfinite", "the model's encoding holds NaN or infinity")
            del encodings[position]
    return encodings


def _encode_singly(
    model: QualityModel,
    views: Views,
    positions: list[int],
    batch: Tensor,
    device: torch.device,
    settings: Settings,
    encodings: dict[int, Tensor],
) -> None:
    """Encode the pictures of a failed batch one by one, so that one of them costs only its own row."""
    for position, picture in zip(positions, batch, strict=True):
        try:
            encodings[position] = _encode_batch(model, picture.unsqueeze(0), device, settings)[0]
        except RuntimeError as error:
            views.failures[position] = ("model_error", _line(error))


@torch.inference_mode()
def _encode_batch(
    model: QualityModel, batch: Shaped[Tensor, "n ..."], device: torch.device, settings: Settings
) -> Float[Tensor, "n d"]:
    dtype = PRECISIONS[settings.precision]
    with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
        encoded = model.encode(batch.to(device, non_blocking=True))
    return encoded.double() if encoded.dtype == torch.float64 else encoded.float()


def _references(variants: Sequence[Variant]) -> list[tuple[int, int]]:
    """Return the pairs to compare, as positions (reference, variant): the original, then the next milder level."""
    pairs = [(0, position + 1) for position in range(len(variants))]
    for position, (milder, harsher) in enumerate(pairwise(variants), start=1):
        if milder.ladder == harsher.ladder:
            pairs.append((position, position + 1))
    return pairs


@torch.inference_mode()
def _pairs(
    model: QualityModel,
    views: Views,
    encodings: dict[int, Tensor],
    variants: Sequence[Variant],
    references: Sequence[tuple[int, int]],
) -> list[PairRow]:
    both = [pair for pair in references if pair[0] in encodings and pair[1] in encodings]
    forward, backward = np.empty(0), np.empty(0)
    if both:
        first = torch.stack([encodings[reference] for reference, _ in both])
        second = torch.stack([encodings[variant] for _, variant in both])
        forward = model.margin(first, second).double().cpu().numpy()
        backward = model.margin(second, first).double().cpu().numpy()
    margins = {pair: (float(forward[i]), float(backward[i])) for i, pair in enumerate(both)}
    scored = isinstance(model, Scorer)
    rows = []
    for reference, variant in references:
        status, error = _outcome(views, reference, variant, margins.get((reference, variant)))
        answered = status == "ok"
        rows.append(
            PairRow(
                photo=views.photo.name,
                reference=variants[reference - 1].key if reference else ORIGINAL,
                variant=variants[variant - 1].key,
                forward=margins[reference, variant][0] if answered else None,
                backward=margins[reference, variant][1] if answered else None,
                score_reference=float(encodings[reference]) if answered and scored else None,
                score_variant=float(encodings[variant]) if answered and scored else None,
                input_change=_defined(views.changes.get(variant)) if reference == 0 else None,
                variant_pixels=views.pixels.get(variant),
                status=status,
                error=error,
            )
        )
    return rows


def _outcome(views: Views, reference: int, variant: int, margins: tuple[float, float] | None) -> tuple[str, str]:
    if views.photo.status != "ok":
        return views.photo.status, views.photo.error
    for position in (reference, variant):
        if position in views.failures:
            return views.failures[position]
    if margins is None or not np.isfinite(margins).all():
        return "nonfinite", "the model's margin is NaN or infinity"
    return "ok", ""


def _defined(number: float | None) -> float | None:
    return None if number is None or np.isnan(number) else number


def _line(error: Exception) -> str:
    """Return an exception as one line of at most 200 characters."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
