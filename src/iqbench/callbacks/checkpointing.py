"""Callbacks for checkpoints that a stopped training can go on from."""

import random
from typing import Any, final

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from iqbench.errors import Stopped


@final
class LastState(ModelCheckpoint):
    """Keep the last state of a training, except the state of one that diverged."""

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Save the state at which the training was stopped."""
        if not isinstance(exception, Stopped):
            super().on_exception(trainer, pl_module, exception)


@final
class RandomState(Callback):
    """Keep the state of the random generators in checkpoints, so that a resumed training repeats the same draws."""

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
        """Store the states until the first batch begins, since making the loaders draws numbers too."""
        self._restored = state_dict

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Restore the stored states once."""
        if self._restored is None:
            return
        torch.set_rng_state(self._restored["torch"])
        if torch.cuda.is_available() and len(self._restored["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(self._restored["cuda"])
        version, words, gauss = self._restored["python"]
        random.setstate((version, tuple(words), gauss))
        np.random.set_state(tuple(self._restored["numpy"]))
        self._restored = None
