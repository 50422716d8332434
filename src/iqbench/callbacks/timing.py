"""Where the time of training goes: waiting for data, or learning from it."""

from time import perf_counter
from typing import final

from lightning import Callback, LightningModule, Trainer

from iqbench.callbacks.logging_steps import due, interval, record, recording, step_done
from iqbench.interfaces import Pairs, Votes


@final
class Timing(Callback):
    """Logs how long a batch is waited for and learned from, and how many examples are done in a second.

    ``timing/wait_ms`` and ``timing/step_ms`` are means over the batches since the last report;
    ``timing/waiting`` is the share of the first in both; ``timing/examples_per_s`` counts the examples
    of all processes, a pair as one. Waiting is all that passes from the end of one batch to the start
    of the next: loading, moving to the device, the trainer's own work; at the start of an epoch also
    the start of the workers. Validation is not counted, nor the batch right after one within an epoch.

    Args:
        every_n_steps: Batches from one report to the next; a shorter epoch has one at its end.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = interval("timing", every_n_steps)
        self._idle_since: float | None = None
        self._began: tuple[float, float] | None = None
        self._forget()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start to wait."""
        self._forget()
        self._idle_since = perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Pairs | Votes, batch_idx: int
    ) -> None:
        """Stop waiting, start to work."""
        self._began = (self._idle_since, perf_counter()) if self._idle_since is not None else None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pairs | Votes, batch_idx: int
    ) -> None:
        """Stop working, report if it is time, start to wait."""
        if self._began is not None:
            idle_since, began = self._began
            self._waited += began - idle_since
            self._worked += perf_counter() - began
            self._examples += len(batch.row)
            self._batches += 1
        if self._batches and due(trainer, batch_idx, self.every_n_steps):
            if recording(trainer):
                record(trainer, self._means(trainer.world_size), step_done(trainer))
            self._forget()
        self._idle_since = perf_counter()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._idle_since = None

    def _means(self, processes: int) -> dict[str, float]:
        elapsed = self._waited + self._worked
        return {
            "timing/wait_ms": 1000 * self._waited / self._batches,
            "timing/step_ms": 1000 * self._worked / self._batches,
            "timing/waiting": self._waited / elapsed,
            "timing/examples_per_s": processes * self._examples / elapsed,
        }

    def _forget(self) -> None:
        self._waited, self._worked, self._examples, self._batches = 0.0, 0.0, 0, 0
