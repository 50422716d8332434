"""Checkpoints that survive a kill: whole on the disk or not there at all, and with all that is needed to go on."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from iqbench.errors import DiskError, Stopped


def diverged(what: str) -> Stopped:
    """Return what ends a training that has no numbers any more."""
    return Stopped(
        f"the training diverged: {what}. Checkpoints that were written before are kept; "
        "lower model.optimizer.lr and backbone_lr, and choose another out="
    )


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and moves it there when all of it is on the disk.

    Lightning's own way leaves half a file over the last good one where the disk is full.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Write the checkpoint.

        Raises:
            Stopped: If its weights hold NaN or infinity; what was there before is intact.
            DiskError: If it cannot be written; what was there before is intact.
        """
        for name, value in checkpoint.get("state_dict", {}).items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise diverged(f"{name} holds NaN or infinity")
        target = Path(path)
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except (OSError, RuntimeError) as error:  # torch raises a RuntimeError where the disk is full
            reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
            raise DiskError(f"{target}: the checkpoint cannot be written ({reason}); the one before is kept") from error
        finally:
            temporary.unlink(missing_ok=True)

    def load_checkpoint(
        self, path: Any, map_location: Callable[..., Any] | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Return what a checkpoint holds, as plain data and never as code."""
        content: dict[str, Any] = torch.load(path, map_location=map_location or "cpu", weights_only=True)
        return content


class LastState(ModelCheckpoint):
    """Keeps the last state to go on from, but not that of a training that diverged."""

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save where the training was stopped."""
        if not isinstance(exception, Stopped):
            super().on_exception(trainer, pl_module, exception)


class RandomState(Callback):
    """Keeps the state of the random generators in the checkpoint, so that a resumed training draws as it would have."""

    def __init__(self) -> None:
        self._restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the states as tensors and numbers."""
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        version, words, gauss = random.getstate()
        kind, keys, *rest = np.random.get_state(legacy=True)
        numpy = [kind, [int(key) for key in keys], *rest]
        return {"torch": torch.get_rng_state(), "cuda": cuda, "python": [version, list(words), gauss], "numpy": numpy}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the states; they are set when the first batch begins, since making the loaders draws too."""
        self._restored = state_dict

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Go on drawing where the checkpoint was written."""
        if self._restored is None:
            return
        torch.set_rng_state(self._restored["torch"])
        if torch.cuda.is_available() and len(self._restored["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(self._restored["cuda"])
        version, words, gauss = self._restored["python"]
        random.setstate((version, tuple(words), gauss))
        np.random.set_state(tuple(self._restored["numpy"]))
        self._restored = None
