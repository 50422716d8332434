"""How the engine uses the machine."""

import os
from dataclasses import dataclass

import torch
from torch import nn

from iqbench.errors import UsageError
from iqbench.interfaces import QualityModel

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
