"""What the settings of the engine leave open, found by measuring: the size of batches, and the number of workers."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch
from torch import Tensor, nn

from iqbench.benchmark.plan import built_in_photo
from iqbench.datasets.decode_check import cores
from iqbench.errors import UsageError
from iqbench.inference.batching import encode_batch, lanes
from iqbench.inference.engine_config import Settings
from iqbench.inference.worker import ON_ONE_PICTURE, one_line
from iqbench.inference.worker_pool import PreparesPhotos, stream
from iqbench.interfaces import PhotoFile, QualityModel

log = logging.getLogger(__name__)

ON_A_CPU = 4
"""Pictures in a batch on a CPU: a larger one leaves the caches, a smaller one wastes the weights that were loaded.

It is not measured anew, since a network's last bits depend on it: so a run that goes on, a run on another
day and the shards of a run give the same bits.
"""

SIZES = (8, 16, 32, 64, 128, 256, 512)
GAIN = 1.05
"""A larger batch has to be so much faster a picture, or the smaller one is taken."""

SLOW = 1.5
"""A precision that takes so many times as long as full precision is warned of."""

TRIAL_SECONDS = 20
"""That the first photos may take when they are only timed."""


def fitted(settings: Settings, model: QualityModel) -> Settings:
    """Return the settings with a batch size; warn of a slow precision; make sure that what is to be compiled can be.

    ``batch_size: auto`` is `ON_A_CPU` pictures on a CPU; on a GPU the fastest of `SIZES` is found with a
    built-in photo, and a size that does not fit into memory ends the search.

    Args:
        settings: As they were given.
        model: The judge, in its place.

    Raises:
        UsageError: If the model cannot be compiled here.
    """
    compiling = settings.compile and isinstance(model, nn.Module)
    if compiling and settings.torch_device.type == "cpu":
        ThreadPoolExecutor(1).submit(_try_compiler)
    if settings.batch_size == "auto":
        settings = replace(settings, batch_size=_batch_size(settings, model))
    if settings.precision != "fp32" and isinstance(model, nn.Module):
        times = slowness(settings, model)
        if times > SLOW:
            log.warning(
                "engine.precision=%s: %.1f times slower than fp32 on this device, which only imitates it; "
                "engine.precision=fp32 is also exact",
                settings.precision,
                times,
            )
    if compiling:
        torch.compiler.reset()  # after eight models of a sweep it would leave the ninth as it is
        picture = model.prepare(built_in_photo())
        try:
            _seconds(settings.encoder(model), picture, int(settings.batch_size), settings)
        except (RuntimeError, OSError) as error:  # not compiled, it has just passed the self-test
            raise UsageError(
                f"engine.compile=true: this model cannot be compiled here ({one_line(error)}); say engine.compile=false"
            ) from error
    return settings


def _try_compiler() -> None:
    """Find out what the compiler knows of the processor: seconds, the first time, that can pass beside the tracing."""
    from torch._inductor.cpu_vec_isa import valid_vec_isa_list  # a second that only compiling needs

    valid_vec_isa_list()


def slowness(settings: Settings, model: QualityModel) -> float:
    """Return how many times as long as in full precision a batch takes in that of the settings.

    More than 1 on a processor that only imitates it.
    """
    picture, size = model.prepare(built_in_photo()), int(settings.batch_size)
    full, lower = (
        _seconds(model.encode, picture, size, replace(settings, precision=precision))
        for precision in ("fp32", settings.precision)
    )
    return lower / full


def _batch_size(settings: Settings, model: QualityModel) -> int:
    if settings.torch_device.type == "cpu" or not isinstance(model, nn.Module):
        return ON_A_CPU
    picture, best, fastest = model.prepare(built_in_photo()), SIZES[0], math.inf
    for size in SIZES:
        try:
            seconds = min(_seconds(model.encode, picture, size, settings) for _ in range(3)) / size
        except ON_ONE_PICTURE:
            break
        if seconds * GAIN < fastest:
            best, fastest = size, seconds
    log.info("batches of %d pictures, found by measuring; say engine.batch_size=%d to keep them", best, best)
    return best


def _seconds(encode: Callable[[Tensor], Tensor], picture: Tensor, size: int, settings: Settings) -> float:
    batch = torch.stack([picture] * size)

    def encoded() -> float:
        start = time.perf_counter()
        encode_batch(encode, batch, settings.torch_device, settings).cpu()
        return time.perf_counter() - start

    return lanes(settings).submit(encoded).result()


def split(
    settings: Settings,
    model: QualityModel,
    files: Sequence[PhotoFile],
    preparing: Callable[[Sequence[PhotoFile]], PreparesPhotos[object]],
    pictures: int,
) -> Settings:
    """Return the settings with a number of workers, such that workers and network share the cores by their work.

    With ``workers: auto``, a network on a CPU and photos to judge, a worker prepares two photos and a batch is
    encoded, both timed: workers that are not needed would only take the network's cores away from it. No
    result depends on it.

    Args:
        settings: With a batch size.
        model: The judge, in its place.
        files: The photos.
        preparing: As for `iqbench.inference.worker_pool.stream`: a photo may kill its worker, so this is tried there.
        pictures: How many pictures a photo becomes.
    """
    if settings.workers != "auto" or settings.torch_device.type != "cpu" or not isinstance(model, nn.Module):
        return settings
    if len(files) < 2 or cores() < 2:
        return settings
    trial = replace(settings, workers=1, timeout=min(settings.timeout, TRIAL_SECONDS))
    first, second = [time.perf_counter() for _ in stream(files[:2], preparing, trial)]
    size = int(settings.batch_size)
    picture, encode = model.prepare(built_in_photo()), settings.encoder(model)
    encoding = min(_seconds(encode, picture, size, settings) for _ in range(2)) * pictures / size * settings.threads
    share = (second - first) / (second - first + encoding)
    return replace(settings, workers=max(1, min(cores(), math.ceil(cores() * share))))
