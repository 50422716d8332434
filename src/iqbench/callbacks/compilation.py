"""Compiles the backbone for a training."""

from typing import final

import torch
from lightning import Callback, LightningModule, Trainer

from iqbench.errors import UsageError, did_you_mean, one_line

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")
"""The modes of ``torch.compile``."""


@final
class Compilation(Callback):
    """Compiles the backbone with ``torch.compile`` from the start of a training to its end.

    Small batches on a GPU wait for the start of their many operations, and compiled code has fewer. The first step of
    each shape and of each set of unfrozen stages takes a minute or more. A training without it goes on from its
    checkpoints, and the other way round; the last bits of the weights differ.

    Args:
        mode: One of `MODES`.

    Raises:
        UsageError: If there is no such mode.
    """

    def __init__(self, mode: str = "default") -> None:
        if mode not in MODES:
            raise UsageError(f"callbacks.compilation.mode={mode}: torch has no such mode.{did_you_mean(mode, MODES)}")
        self.mode = mode

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compile the backbone, which takes its time at the first step.

        Raises:
            UsageError: If nothing can be compiled on this machine.
        """
        try:
            torch.compile(torch.neg)(torch.ones(2, device=pl_module.device))
        except (RuntimeError, OSError, ImportError) as error:
            raise UsageError(
                f"callbacks=compilation: nothing can be compiled on this machine ({one_line(error)}); leave it out"
            ) from error
        _backbone(pl_module).compile(mode=self.mode)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compute without compiled code again."""
        _backbone(pl_module)._compiled_call_impl = None

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Compute without compiled code again."""
        self.on_fit_end(trainer, pl_module)


def _backbone(model: LightningModule) -> torch.nn.Module:
    backbone: torch.nn.Module = model.backbone  # type: ignore[assignment]
    return backbone
