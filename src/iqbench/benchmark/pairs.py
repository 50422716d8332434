"""The engine: photos in, margins out, one photo's rows at a time.

Each photo is decoded once, each variant made once, each picture encoded once. Workers decode,
degrade and prepare (see `iqbench.inference.worker`); the parent process encodes in batches across photos
(see `iqbench.inference.batching`), compares, and hands rows to the store.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from iqbench.inference.batching import NONFINITE, Batcher, Failure, compare_each
from iqbench.inference.engine_config import Settings
from iqbench.inference.worker import Views, Workshop
from iqbench.inference.worker_pool import stream
from iqbench.interfaces import PhotoFile, QualityModel, Scorer, Variant
from iqbench.results.schema import ORIGINAL, PairRow, PhotoRow

Pair = tuple[int, int]
"""The positions of a reference and a variant; 0 is the original."""

WAITING = 4
"""Photos that may wait for a batch to fill, beside those that a batch is filled with."""


def answers(
    model: QualityModel, files: Sequence[PhotoFile], variants: Sequence[Variant], settings: Settings
) -> Iterator[tuple[PhotoRow, list[PairRow]]]:
    """Yield each photo with the model's answers about its pairs, in the order of ``files``.

    The pairs are the original against every variant, and every level against the next one of its
    ladder. What fails has a row that says so.
    """
    references = _references(variants)
    batcher: Batcher[tuple[Views, int]] = Batcher(
        settings.encoder(model), settings, network=isinstance(model, nn.Module)
    )
    waiting: deque[Views] = deque()
    most = WAITING + 2 * batcher.capacity // (len(variants) + 1)
    with batcher:
        for views in stream(files, lambda some: Workshop(some, variants, model), settings):
            waiting.append(views)
            for positions, stack in views.take_stacks():
                for position, picture in zip(positions, stack, strict=True):
                    _deliver(batcher.put((views, position), picture))
            if len(waiting) > most:
                _deliver(batcher.flush())
            while waiting and waiting[0].expected == 0:
                yield _judged(model, waiting.popleft(), variants, references)
        _deliver(batcher.flush())
        for views in waiting:
            yield _judged(model, views, variants, references)


def _deliver(encoded: Iterable[tuple[tuple[Views, int], Tensor | Failure]]) -> None:
    """Put each encoding, or why there is none, with its photo."""
    for (views, position), found in encoded:
        views.expected -= 1
        if isinstance(found, Tensor):
            views.encodings[position] = found
        else:
            views.failures[position] = found


def _judged(
    model: QualityModel, views: Views, variants: Sequence[Variant], references: Sequence[Pair]
) -> tuple[PhotoRow, list[PairRow]]:
    if views.encodings:
        positions = list(views.encodings)
        finite = torch.stack(list(views.encodings.values())).isfinite().all(dim=1).tolist()
        for position, whole in zip(positions, finite, strict=True):
            if not whole:
                del views.encodings[position]
                views.failures[position] = NONFINITE
    return views.photo, _pairs(model, views, views.encodings, variants, references)


def _references(variants: Sequence[Variant]) -> list[Pair]:
    """Return the pairs to compare, as positions (reference, variant): the original, then the next milder level."""
    pairs = [(0, position + 1) for position in range(len(variants))]
    for position, (milder, harsher) in enumerate(pairwise(variants), start=1):
        if milder.ladder == harsher.ladder:
            pairs.append((position, position + 1))
    return pairs


def _pairs(
    model: QualityModel,
    views: Views,
    encodings: dict[int, Tensor],
    variants: Sequence[Variant],
    references: Sequence[Pair],
) -> list[PairRow]:
    margins, failures = _margins(model, encodings, references)
    scored = isinstance(model, Scorer)
    rows = []
    for reference, variant in references:
        pair = (reference, variant)
        status, error = _outcome(views, pair, margins.get(pair), failures.get(pair))
        change = views.changes.get(variant, (math.nan, math.nan)) if reference == 0 else (math.nan, math.nan)
        about = views.facts.get(variant)
        answered = status == "ok"
        forward, backward = margins[pair] if answered else (None, None)
        rows.append(
            PairRow(
                photo=views.photo.name,
                reference=variants[reference - 1].key if reference else ORIGINAL,
                variant=variants[variant - 1].key,
                forward=forward,
                backward=backward,
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


def _margins(
    model: QualityModel, encodings: dict[int, Tensor], references: Sequence[Pair]
) -> tuple[dict[Pair, tuple[float, float]], dict[Pair, Failure]]:
    """Return the model's answers in both orders, and why it had none, by pair."""
    both = [pair for pair in references if pair[0] in encodings and pair[1] in encodings]
    if not both:
        return {}, {}
    first, second = (torch.stack([encodings[pair[side]] for pair in both]) for side in (0, 1))
    margins, failures = dict[Pair, tuple[float, float]](), dict[Pair, Failure]()
    asked = compare_each(model.margin, first, second), compare_each(model.margin, second, first)
    for pair, forward, backward in zip(both, *asked, strict=True):
        if isinstance(forward, tuple):
            failures[pair] = forward
        elif isinstance(backward, tuple):
            failures[pair] = backward
        else:
            margins[pair] = forward, backward
    return margins, failures


def _outcome(views: Views, pair: Pair, margins: tuple[float, float] | None, failure: Failure | None) -> Failure:
    if views.photo.status != "ok":
        return views.photo.status, views.photo.error
    for position in pair:
        if position in views.failures:
            return views.failures[position]
    if failure is not None:
        return failure
    if margins is None or not all(map(math.isfinite, margins)):
        return "nonfinite", "the model's margin is NaN or infinity"
    return "ok", ""


def _defined(number: float) -> float | None:
    return None if math.isnan(number) else number
