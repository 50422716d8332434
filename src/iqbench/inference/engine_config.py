"""How the engine uses the machine."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from iqbench.datasets.decode_check import cores
from iqbench.errors import UsageError
from iqbench.interfaces import QualityModel
from iqbench.models.backbone import Backbone

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Settings:
    """How the engine uses the machine; nothing here changes a verdict beyond rounding.

    Args:
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: Of the network: ``fp32``, ``bf16`` or ``fp16``.
        batch_size: Pictures that are encoded together, or ``auto``: see `iqbench.inference.autotuning.fitted`.
        workers: Processes that decode and degrade, 0 for none, or ``auto``.
        timeout: Seconds that a worker may take for a photo before it is given up.
        channels_last: Whether a network's pictures are kept with the colours of a pixel side by side.
        compile: Whether a network is compiled before it starts.
        lanes: Batches of a network that are encoded side by side, or ``auto``: one a core on a CPU.
    """

    device: str
    precision: str
    batch_size: int | str
    workers: int | str
    timeout: int
    channels_last: bool
    compile: bool
    lanes: int | str

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise UsageError(f"engine.precision={self.precision}: must be one of {', '.join(PRECISIONS)}")
        if self.batch_size != "auto" and not (isinstance(self.batch_size, int) and self.batch_size >= 1):
            raise UsageError(f"engine.batch_size={self.batch_size}: must be auto, or 1 or more")
        if self.workers != "auto" and not (isinstance(self.workers, int) and self.workers >= 0):
            raise UsageError(f"engine.workers={self.workers}: must be auto, or 0 or more")
        if self.lanes != "auto" and not (isinstance(self.lanes, int) and self.lanes >= 1):
            raise UsageError(f"engine.lanes={self.lanes}: must be auto, or 1 or more")
        if self.timeout < 1:
            raise UsageError(f"engine.timeout={self.timeout}: must be 1 second or more")

    @classmethod
    def plain(cls, device: str, batch_size: int, workers: int | str, precision: str = "fp32") -> "Settings":
        """Return settings that leave the network as it is, for who does not come from a config."""
        return cls(
            device, precision, batch_size, workers, timeout=300, channels_last=False, compile=False, lanes="auto"
        )

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
        """Return the model ready to judge: on the device, not in training, its backbone settled."""
        if isinstance(model, nn.Module):
            model.eval().to(self.torch_device)
            if self.channels_last:
                model.to(memory_format=torch.channels_last)
            for module in model.modules():
                if isinstance(module, Backbone):
                    module.fold_batch_norm()
        return model

    def as_recorded(self, identity: dict[str, Any]) -> "Settings":
        """Return the settings with the batch size of a run that goes on, where it is left open."""
        known = identity.get("numerics", {}).get("batch_size")
        return replace(self, batch_size=known) if self.batch_size == "auto" and known else self

    def numerics(self, model: QualityModel) -> dict[str, Any]:
        """Return what a network's last bits depend on; nothing for a model that is none."""
        if not isinstance(model, nn.Module):
            return {}
        return {
            "device": self.torch_device.type,
            "batch_size": self.batch_size,
            "threads": self.threads,
            "channels_last": self.channels_last,
            "compile": self.compile,
        }

    def encoder(self, model: QualityModel) -> Callable[[Tensor], Tensor]:
        """Return the model's ``encode``, compiled if that is asked for and it is a network."""
        if not self.compile or not isinstance(model, nn.Module):
            return model.encode
        compiled: Callable[[Tensor], Tensor] = torch.compile(model.encode, dynamic=False)
        return _frozen(compiled) if self.torch_device.type == "cpu" else compiled

    @property
    def worker_count(self) -> int:
        """The number of worker processes; ``auto`` is one a core."""
        return cores() if self.workers == "auto" else int(self.workers)

    @property
    def lane_count(self) -> int:
        """The number of batches that are encoded side by side."""
        if self.lanes == "auto":
            return cores() if self.torch_device.type == "cpu" else 1
        return int(self.lanes)

    @property
    def threads(self) -> int:
        """The number of CPU threads that encode one batch."""
        return max(1, cores() // self.lane_count) if self.torch_device.type == "cpu" else 1


def _frozen(compiled: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the same with the weights as constants: folded together, and laid out once as the processor reads them.

    `torch.compile` traces a network before it applies options of its own, and what is set holds for a thread:
    so it is set around each call, in the thread that makes it, which is the first one that compiles.
    """

    def encode(pictures: Tensor) -> Tensor:
        with torch._inductor.config.patch(freezing=True):
            return compiled(pictures)

    return encode
