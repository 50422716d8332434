"""Autotuning: the batch size and the number of workers, where the engine config says ``auto``."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from iqbench.errors import UsageError, one_line
from iqbench.inference.batching import encode_batch, inference_threads
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.failures import raise_if_fatal
from iqbench.inference.memory import empty_cache
from iqbench.inference.worker import PhotoDataset
from iqbench.inference.worker_pool import available_cores
from iqbench.interfaces import PhotoFile, QualityModel, Variant

log = logging.getLogger(__name__)

CPU_BATCH_SIZE = 4
"""Pictures per batch on a CPU: a larger batch leaves the caches, a smaller one reuses the loaded weights less.

A fixed value rather than a measured one, because a network's last bits depend on it: resumed runs, shards and
repeated runs must give the same bits.
"""

GPU_BATCH_SIZES = (8, 16, 32, 64, 128, 256, 512)
MIN_SPEEDUP = 1.05
"""A larger batch must be this many times faster per picture to be chosen."""

SLOW_PRECISION = 1.5
"""A precision that takes this many times as long as fp32 is reported."""

AUTOTUNING_TIMEOUT = 20
"""Time budget for each autotuning photo, in seconds."""


def autotune(engine: EngineConfig, model: QualityModel, picture: Shaped[Tensor, "..."] | None) -> EngineConfig:
    """Return the config with a batch size; warn of a slow precision; check that the model compiles.

    ``batch_size: auto`` becomes `CPU_BATCH_SIZE` on a CPU. On a GPU the fastest of `GPU_BATCH_SIZES` is measured; a
    size that does not fit into memory ends the search.

    Args:
        engine: The engine config.
        model: The model, as `EngineConfig.place` returns it.
        picture: A prepared photo of the run, None if no photo can be read: then nothing is measured.

    Raises:
        UsageError: If the model cannot be compiled on this machine.
    """
    compiling = engine.compile and isinstance(model, nn.Module)
    if compiling and engine.torch_device.type == "cpu":
        ThreadPoolExecutor(1).submit(_detect_vector_instructions)
    if engine.batch_size == "auto":
        engine = replace(engine, batch_size=_batch_size(engine, model, picture))
    if picture is None:
        return engine
    if engine.precision != "fp32" and isinstance(model, nn.Module):
        slowdown = precision_slowdown(engine, model, picture)
        if slowdown > SLOW_PRECISION:
            log.warning(
                "engine.precision=%s: %.1f times slower than fp32 on this device, which only emulates it; "
                "use engine.precision=fp32, which is also exact",
                engine.precision,
                slowdown,
            )
    if compiling:
        torch.compiler.reset()  # else the limit of eight recompilations leaves the ninth model of a sweep uncompiled
        try:
            _seconds(engine.encoder(model), picture, int(engine.batch_size), engine)
        except (RuntimeError, OSError) as error:  # from the compiler: uncompiled, the model has been rehearsed
            raise UsageError(
                f"engine.compile=true: this model cannot be compiled on this machine ({one_line(error)}); "
                "use engine.compile=false"
            ) from error
    return engine


def _detect_vector_instructions() -> None:
    """Fill the compiler's cache of the processor's features: takes seconds, in parallel with tracing."""
    from torch._inductor.cpu_vec_isa import valid_vec_isa_list  # imported late: takes a second

    valid_vec_isa_list()


def precision_slowdown(engine: EngineConfig, model: QualityModel, picture: Shaped[Tensor, "..."]) -> float:
    """Return the time of a batch in the config's precision, relative to fp32; 1 for a model that runs in one of them.

    It is more than 1 on a processor that only emulates the precision.
    """
    try:
        full, lower = (
            _seconds(model.encode, picture, int(engine.batch_size), replace(engine, precision=precision))
            for precision in ("fp32", engine.precision)
        )
    except Exception as error:  # noqa: BLE001 - of other people's code
        raise_if_fatal(error)
        return 1.0
    return lower / full


def _batch_size(engine: EngineConfig, model: QualityModel, picture: Shaped[Tensor, "..."] | None) -> int:
    if picture is None or engine.torch_device.type == "cpu" or not isinstance(model, nn.Module):
        return CPU_BATCH_SIZE
    best, fastest = GPU_BATCH_SIZES[0], math.inf
    for size in GPU_BATCH_SIZES:
        try:
            seconds = min(_seconds(model.encode, picture, size, engine) for _ in range(3)) / size
        except Exception as error:  # noqa: BLE001 - mostly out of memory
            raise_if_fatal(error)
            break
        if seconds * MIN_SPEEDUP < fastest:
            best, fastest = size, seconds
    empty_cache(engine.torch_device)
    log.info("measured batch size: %d pictures; set engine.batch_size=%d to keep it", best, best)
    return best


def _seconds(encode: Callable[[Tensor], Tensor], picture: Tensor, size: int, engine: EngineConfig) -> float:
    batch = torch.stack([picture] * size)

    def timed() -> float:
        start = time.perf_counter()
        encode_batch(encode, batch, engine).cpu()  # .cpu() waits for the device
        return time.perf_counter() - start

    return inference_threads(engine).submit(timed).result()


def share_cores(
    engine: EngineConfig, model: QualityModel, files: Sequence[PhotoFile], variants: Sequence[Variant]
) -> EngineConfig:
    """Return the config with a number of workers that divides the cores between workers and network.

    Applies to ``workers: auto`` with a network on a CPU. The preparation of two photos in a worker and the
    encoding of a batch are timed: workers beyond need would take cores away from the network. No result
    depends on the number.

    Args:
        engine: The engine config, with a batch size.
        model: The model, as `EngineConfig.place` returns it.
        files: The photos. The first two are prepared in a worker, since a photo may kill the process.
        variants: The variants of each photo.
    """
    if not is_beside_workers(engine, model) or len(files) < 2:
        return engine
    trial = replace(engine, workers=1, timeout=min(engine.timeout, AUTOTUNING_TIMEOUT))
    times, pictures = [], []
    for prepared in trial.worker_pool(2).in_order(PhotoDataset(files[:2], variants, model)):
        times.append(time.perf_counter())
        pictures += [stack.pictures[0] for stack in prepared.stacks]
    if not pictures or (per_picture := seconds_per_picture(engine, model, pictures[0])) is None:
        return engine
    return replace(engine, workers=balanced_workers(times[1] - times[0], per_picture * (len(variants) + 1)))


def is_beside_workers(engine: EngineConfig, model: QualityModel) -> bool:
    """Return whether a model shares the cores with a number of workers that is to be measured."""
    is_on_cpu = engine.torch_device.type == "cpu" and isinstance(model, nn.Module)
    return engine.workers == "auto" and is_on_cpu and available_cores() > 1


def seconds_per_picture(engine: EngineConfig, model: QualityModel, picture: Shaped[Tensor, "..."]) -> float | None:
    """Return the core seconds in which a network encodes a picture, None if it fails: the rows will say it."""
    size, encode = int(engine.batch_size), engine.encoder(model)
    try:
        per_picture = min(_seconds(encode, picture, size, engine) for _ in range(2)) / size
    except Exception as error:  # noqa: BLE001 - of other people's code
        raise_if_fatal(error)
        return None
    return per_picture * engine.threads_per_batch


def balanced_workers(preparation: float, encoding: float) -> int:
    """Return the number of workers that are as fast as the network: both need so many core seconds for a photo."""
    workers = math.ceil(available_cores() * preparation / (preparation + encoding))
    return max(1, min(available_cores(), workers))
