"""The engine config: device, precision, batch size, workers and inference threads."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from iqbench.errors import UsageError
from iqbench.inference.float_format import has_tf32
from iqbench.inference.placement import is_thread_safe, place
from iqbench.inference.worker_pool import WorkerPool, available_cores
from iqbench.interfaces import QualityModel

log = logging.getLogger(__name__)

PRECISIONS = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}

PLACES = ("auto", "workers", "device")
"""Where pictures are made; see `iqbench.inference.tensor_pictures`."""


@dataclass(frozen=True)
class EngineConfig:
    """How inference uses the machine. No field changes a verdict by more than a rounding error.

    Args:
        device: ``auto`` (an NVIDIA GPU if there is one, else the CPU), ``cpu``, ``gpu`` (``cuda``, or ``mps`` on a
            Mac), ``cuda``, ``cuda:1``, ``mps``.
        precision: Precision of a network: ``fp32``, ``tf32`` (NVIDIA GPUs), ``bf16`` or ``fp16``.
        batch_size: Pictures encoded together, or ``auto``: see `iqbench.inference.autotuning.autotune`.
        workers: Processes that decode and degrade, 0 for none, or ``auto``.
        timeout: Seconds that a worker may take for one photo.
        channels_last: Whether pictures are kept in channels-last memory format.
        compile: Whether a network is compiled first.
        inference_threads: Batches of a network that are encoded at the same time, or ``auto``: one per core on a CPU
            if the network is thread-safe, else one.
        sweep_memory: Megabytes that the models of a sweep may take that score a photo together.
        pictures: Where copies and views of photos are made: ``workers``, ``device`` (beside the network, where they
            have a form for tensors), or ``auto``: on an NVIDIA GPU, else by workers.

    Raises:
        UsageError: If a value is out of range, with its key.
    """

    device: str
    precision: str
    batch_size: int | str
    workers: int | str
    timeout: int
    channels_last: bool
    compile: bool
    inference_threads: int | str
    sweep_memory: int
    pictures: str = "auto"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(f"engine.precision={self.precision}: must be one of {', '.join(PRECISIONS)}")
        for key, least in (("batch_size", 1), ("workers", 0), ("inference_threads", 1)):
            value = getattr(self, key)
            if value != "auto" and not (isinstance(value, int) and value >= least):
                raise UsageError(f"engine.{key}={value}: must be auto, or {least} or more")
        if self.pictures not in PLACES:
            raise UsageError(f"engine.pictures={self.pictures}: must be one of {', '.join(PLACES)}")
        if self.sweep_memory < 0:
            raise UsageError(f"engine.sweep_memory={self.sweep_memory}: must be 0 MB or more")
        if self.timeout < 1:
            raise UsageError(f"engine.timeout={self.timeout}: must be 1 second or more")

    @classmethod
    def for_api(cls, device: str, batch_size: int, workers: int | str, precision: str = "fp32") -> Self:
        """Return an engine config for programmatic use: no compilation, default memory format."""
        return cls(
            device,
            precision,
            batch_size,
            workers,
            timeout=300,
            channels_last=False,
            compile=False,
            inference_threads="auto",
            sweep_memory=0,
        )

    @property
    def torch_device(self) -> torch.device:
        """The device, with ``auto`` resolved.

        Raises:
            UsageError: If the device does not exist.
        """
        if self.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        name = self.device
        if name == "gpu":
            name = "mps" if not torch.cuda.is_available() and torch.backends.mps.is_available() else "cuda"
        try:
            device = torch.device(name)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"engine.device={self.device}: not available on this machine ({reason})") from error
        return device

    def place(self, model: QualityModel) -> QualityModel:
        """Return the model ready for inference; see `iqbench.inference.placement.place`.

        Raises:
            UsageError: If the device does not have the precision, or the model cannot be moved to it.
        """
        if self.precision == "tf32" and not has_tf32(self.torch_device):
            raise UsageError(
                f"engine.precision=tf32: only NVIDIA GPUs from Ampere on have it, {self.torch_device} does not; "
                "use engine.precision=fp32"
            )
        return place(model, self.torch_device, self.channels_last)

    def for_model(self, model: QualityModel) -> Self:
        """Return the config with one inference thread for a network that is not known to be thread-safe.

        Its batches are encoded one after the other, each by all cores.
        """
        if not isinstance(model, nn.Module) or is_thread_safe(model):
            return self
        if self.inference_threads not in ("auto", 1):
            log.warning(
                "engine.inference_threads=%s: %s is encoded one batch at a time, because its class does not say "
                "thread_safe = True, or it has hooks",
                self.inference_threads,
                type(model).__name__,
            )
        return replace(self, inference_threads=1)

    def with_recorded_batch_size(self, identity: Mapping[str, Any]) -> Self:
        """Return the config with the batch size of the run that is resumed, where ``batch_size`` is ``auto``."""
        recorded = identity.get("numerics", {}).get("batch_size")
        return replace(self, batch_size=recorded) if self.batch_size == "auto" and recorded else self

    def numerics(self, model: QualityModel) -> dict[str, Any]:
        """Return the settings that a network's last bits depend on; nothing for other models."""
        if not isinstance(model, nn.Module):
            return {}
        device = self.torch_device.type
        return {
            **({} if device == "cpu" else {"float32": "tf32" if self.precision == "tf32" else "ieee"}),
            "device": device,
            "batch_size": self.batch_size,
            "threads": self.threads_per_batch,
            "channels_last": self.channels_last,
            "compile": self.compile,
        }

    def encoder(self, model: QualityModel) -> Callable[[Tensor], Tensor]:
        """Return the model's ``encode``, compiled if the config asks for it and the model is a network."""
        if not self.compile or not isinstance(model, nn.Module):
            return model.encode
        compiled: Callable[[Tensor], Tensor] = torch.compile(model.encode, dynamic=False)
        return _with_constant_weights(compiled) if self.torch_device.type == "cpu" else compiled

    @property
    def worker_count(self) -> int:
        """The number of worker processes; ``auto`` is one per core."""
        return available_cores() if self.workers == "auto" else int(self.workers)

    def worker_pool(self, photos: int) -> WorkerPool:
        """Return the pool that prepares so many photos; a single one is prepared in this process."""
        return WorkerPool(self.worker_count if photos > 1 else 0, self.timeout)

    @property
    def inference_thread_count(self) -> int:
        """The number of batches that are encoded at the same time."""
        if self.inference_threads == "auto":
            return available_cores() if self.torch_device.type == "cpu" else 1
        return int(self.inference_threads)

    @property
    def threads_per_batch(self) -> int:
        """The number of CPU threads that encode one batch."""
        return max(1, available_cores() // self.inference_thread_count) if self.torch_device.type == "cpu" else 1


def _with_constant_weights(compiled: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the compiled function with its weights as constants: folded, and laid out for the processor.

    The freezing option is thread-local and must be set while the network is traced, so it is set around each
    call, in the thread that calls: the first call traces.
    """

    def encode(pictures: Tensor) -> Tensor:
        with torch._inductor.config.patch(freezing=True):
            return compiled(pictures)

    return encode
