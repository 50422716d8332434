"""The engine: photos in, margins out, one photo's rows at a time.

Each photo is decoded once, each variant made once, each picture encoded once. Workers decode,
degrade and prepare (see `iqbench.benchmark.workshop`); the parent process encodes, compares and
hands rows to the store.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.utils.data import DataLoader

from iqbench.benchmark.settings import PRECISIONS, Settings
from iqbench.benchmark.store import ORIGINAL, PairRow, PhotoRow
from iqbench.benchmark.workshop import ON_ONE_PICTURE, Views, Workshop, one_line, start_worker
from iqbench.interfaces import PhotoFile, QualityModel, Scorer, Variant

Failure = tuple[str, str]
"""A status for the results, and the error in one line."""

NONFINITE: Failure = ("nonfinite", "the model's encoding holds NaN or infinity")


def answers(
    model: QualityModel, files: Sequence[PhotoFile], variants: Sequence[Variant], settings: Settings
) -> Iterator[tuple[PhotoRow, list[PairRow]]]:
    """Yield each photo with the model's answers about its pairs, in the order of ``files``.

    The pairs are the original against every variant, and every level against the next one of its
    ladder. What fails has a row that says so.
    """
    loader = DataLoader(
        Workshop(files, variants, model),
        batch_size=None,
        num_workers=settings.worker_count if len(files) > 1 else 0,
        worker_init_fn=start_worker,
    )
    references = _references(variants)
    device = settings.torch_device
    for views in loader:
        encodings = _encode(model, views, device, settings) if views.photo.status == "ok" else {}
        yield views.photo, _pairs(model, views, encodings, variants, references)


def _encode(
    model: QualityModel, views: Views, device: torch.device, settings: Settings
) -> dict[int, Float[Tensor, "d"]]:
    """Return the encoding of each picture by position; what the model cannot encode goes to ``failures``."""
    encodings: dict[int, Tensor] = {}
    for positions, stack in views.stacks:
        for start in range(0, len(positions), settings.batch_size):
            some = slice(start, start + settings.batch_size)
            found = encode_each(model.encode, stack[some], device, settings)
            for position, encoding in zip(positions[some], found, strict=True):
                if isinstance(encoding, Tensor):
                    encodings[position] = encoding
                else:
                    views.failures[position] = encoding
    return encodings


def encode_each(
    encode: Callable[[Tensor], Tensor], batch: Shaped[Tensor, "n ..."], device: torch.device, settings: Settings
) -> list[Float[Tensor, "d"] | Failure]:
    """Return what the model makes of each picture, or why it could make nothing of it.

    A batch that fails is halved until the picture that it fails on stands alone, or fits into memory.
    """
    try:
        encoded = _encode_batch(encode, batch, device, settings)
    except ON_ONE_PICTURE as error:
        if len(batch) == 1:
            return [("model_error", one_line(error))]
        middle = len(batch) // 2
        return [
            found for half in (batch[:middle], batch[middle:]) for found in encode_each(encode, half, device, settings)
        ]
    finite = encoded.isfinite().flatten(1).all(dim=1).tolist()
    return [row if whole else NONFINITE for row, whole in zip(encoded, finite, strict=True)]


@torch.inference_mode()
def _encode_batch(
    encode: Callable[[Tensor], Tensor], batch: Shaped[Tensor, "n ..."], device: torch.device, settings: Settings
) -> Float[Tensor, "n d"]:
    dtype = PRECISIONS[settings.precision]
    with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
        encoded = encode(batch.to(device, non_blocking=True))
    if encoded.ndim != 2 or len(encoded) != len(batch):
        raise ValueError(f"encode gave shape {tuple(encoded.shape)} for {len(batch)} pictures")
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
        change = views.changes.get(variant, (math.nan, math.nan)) if reference == 0 else (math.nan, math.nan)
        about = views.facts.get(variant)
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
                input_change=_defined(change[0]),
                variant_pixels=about.pixels if about else None,
                input_change_max=_defined(change[1]),
                variant_brightness=about.brightness if about else None,
                variant_sharpness=about.sharpness if about else None,
                variant_bytes=about.encoded_bytes if about else None,
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


def _defined(number: float) -> float | None:
    return None if math.isnan(number) else number
