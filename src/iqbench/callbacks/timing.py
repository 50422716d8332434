"""Time per training batch: waiting for data, and the training step."""

from time import perf_counter
from typing import final

from lightning import Callback, LightningModule, Trainer

from iqbench.callbacks.logging_steps import (
    Interval,
    check_interval,
    last_step,
    log_metrics,
    should_log,
    should_report,
    steps_between,
    total_batches,
)
from iqbench.interfaces import Pairs, Votes


@final
class Timing(Callback):
    """Logs the waiting time and the training time per batch, and the examples per second.

    ``timing/wait_ms`` and ``timing/step_ms`` are means over the batches since the last report;
    ``timing/waiting`` is the share of waiting in their sum; ``timing/examples_per_s`` counts the
    examples of all processes, a pair as one. Waiting is the time from the end of one batch to the start
    of the next: loading, moving to the device, the trainer's own work, and at the start of an epoch the
    start of the workers. Validation is not counted, nor is the batch right after it within an epoch.

    Args:
        every_n_steps: Batches between two reports, or ``auto``; a shorter epoch has one report at its end.
    """

    def __init__(self, every_n_steps: Interval) -> None:
        self._interval = check_interval("timing", every_n_steps)
        self.every_n_steps = steps_between(self._interval, 0)
        self._wait_start: float | None = None
        self._wait_and_step_start: tuple[float, float] | None = None
        self._reset()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Determine the interval, now that the length of the training is known."""
        self.every_n_steps = steps_between(self._interval, total_batches(trainer))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start measuring the waiting time."""
        self._reset()
        self._wait_start = perf_counter()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Pairs | Votes, batch_idx: int
    ) -> None:
        """Stop measuring the waiting time, start measuring the step."""
        self._wait_and_step_start = (self._wait_start, perf_counter()) if self._wait_start is not None else None

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: object, batch: Pairs | Votes, batch_idx: int
    ) -> None:
        """Stop measuring the step, report at each interval, start measuring the waiting time."""
        if self._wait_and_step_start is not None:
            wait_start, step_start = self._wait_and_step_start
            self._wait_seconds += step_start - wait_start
            self._step_seconds += perf_counter() - step_start
            self._examples += len(batch.row)
            self._batches += 1
        if self._batches and should_report(trainer, batch_idx, self.every_n_steps):
            if should_log(trainer):
                log_metrics(trainer, self._means(trainer.world_size), last_step(trainer))
            self._reset()
        self._wait_start = perf_counter()

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Leave the validation out of the waiting time."""
        self._wait_start = None

    def _means(self, processes: int) -> dict[str, float]:
        elapsed = self._wait_seconds + self._step_seconds
        return {
            "timing/wait_ms": 1000 * self._wait_seconds / self._batches,
            "timing/step_ms": 1000 * self._step_seconds / self._batches,
            "timing/waiting": self._wait_seconds / elapsed,
            "timing/examples_per_s": processes * self._examples / elapsed,
        }

    def _reset(self) -> None:
        self._wait_seconds, self._step_seconds, self._examples, self._batches = 0.0, 0.0, 0, 0
