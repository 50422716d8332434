"""The rehearsal of a model: judge a real photo and a harsh crop of it, before a run depends on that."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Shaped
from torch import Tensor

from iqbench.errors import UsageError
from iqbench.inference.batching import NONFINITE, NONFINITE_MARGIN, Batcher, compare_each
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import Failure
from iqbench.inference.worker import PhotoDataset, PreparedPhoto
from iqbench.interfaces import Photo, PhotoFile, QualityModel, Variant

MAX_FILES = 20
"""Files that are tried, spread over all, until one of them is a photo that can be read."""

PATIENCE = 4
"""Photos without an answer until the model is refused; one that kills or hangs its worker counts twice."""

BATCH_SIZE = 4
"""Pictures in a batch, where the engine config says ``auto``."""


def rehearse_model(
    model: QualityModel, engine: EngineConfig, files: Sequence[PhotoFile]
) -> Shaped[Tensor, "..."] | None:
    """Judge photos of the run as the run does, in a worker, until the model answers about one.

    Each photo is prepared in its real size, with a harsh crop, encoded in batches, and compared in both orders. A model
    that answers about no photo is refused; one bad photo refuses nobody.

    Args:
        model: The model, as `EngineConfig.place` returns it.
        engine: The engine config; ``compile`` is left to the autotuning.
        files: The photos of the run.

    Returns:
        A prepared photo, from which the autotuning makes its batches; None if no photo can be read.

    Raises:
        UsageError: If the model gives no answer, with the reason.
    """
    tried = files[:: max(1, -(-len(files) // MAX_FILES))]
    size = BATCH_SIZE if engine.batch_size == "auto" else engine.batch_size
    engine = replace(engine, batch_size=size, compile=False, workers=min(1, engine.worker_count))
    failures: list[tuple[str, Failure]] = []
    patience = PATIENCE
    for prepared in engine.worker_pool(2).in_order(PhotoDataset(tried, [HARSH_CROP], model)):
        is_lost = prepared.record.status in ("process_died", "timeout")
        if prepared.record.status != "ok" and not is_lost:
            continue
        failure = _failure(model, engine, prepared)
        if failure is None:
            return prepared.stacks[0].pictures[0]
        failures.append((prepared.record.name, failure))
        patience -= 2 if is_lost else 1
        if patience <= 0:
            break
    if failures:
        name, (status, error) = failures[0]
        others = f" and of {len(failures) - 1} others" if len(failures) > 1 else ""
        raise UsageError(f"model {type(model).__name__}: {error} ({status} of {name}{others}; no photo has an answer)")
    return None


def _central_quarter(photo: Photo) -> Photo:
    height, width = photo.shape[:2]
    return photo[height // 4 : height - height // 4, width // 4 : width - width // 4]


HARSH_CROP = Variant("crop", "compositional", "crop", "quarter", 1, _central_quarter)


def _failure(model: QualityModel, engine: EngineConfig, prepared: PreparedPhoto) -> Failure | None:
    """Return the reason why the model gives no answer about a photo and its crop, None if it gives one."""
    if prepared.record.status != "ok":
        return Failure(prepared.record.status, prepared.record.error)
    failures = dict(prepared.failures)
    encodings: dict[int, Tensor] = {}
    with Batcher[Sequence[int]](model, engine) as batcher:
        put = [each for stack in prepared.stacks for each in batcher.put(stack.positions, stack.pictures)]
        for positions, start, answer in [*put, *batcher.flush()]:
            if isinstance(answer, Failure):
                failures[positions[start]] = answer
                continue
            for position, encoding in zip(positions[start:], answer, strict=False):
                if encoding.isfinite().all():
                    encodings[position] = encoding
                else:
                    failures[position] = NONFINITE
        if not encodings:
            return failures[min(failures)]
        first, second = encodings[min(encodings)], encodings[max(encodings)]
        sides = torch.stack([first, second]), torch.stack([second, first])
        for margin in [*compare_each(model.margin, *sides), *compare_each(model.margin, *reversed(sides))]:
            if isinstance(margin, Failure):
                return margin
            if not math.isfinite(margin):
                return NONFINITE_MARGIN
    return None
