"""Distribution of the labels in the training batches."""

from typing import Any, final

import torch
from jaxtyping import Float
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

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
from iqbench.labels import mean_vote


@final
class LabelDistribution(Callback):
    """Logs the distribution of the labels since the last report, to show the effect of sampling and targets.

    For pairs ``labels/first``, ``labels/second`` and ``labels/tie``: the share of pairs in which people
    prefer the first photo, the second, or neither. For votes ``labels/mean_vote`` and
    ``labels/vote_spread``: the mean and the standard deviation of the photos' mean votes. With several
    training processes, only the first one's batches count.

    Args:
        every_n_steps: Batches between two reports, or ``auto``; a shorter epoch has one report at its end.
    """

    def __init__(self, every_n_steps: Interval) -> None:
        self._interval = check_interval("label_shares", every_n_steps)
        self.every_n_steps = steps_between(self._interval, 0)
        self._labels: list[Tensor] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Determine the interval, now that the length of the training is known."""
        self.every_n_steps = steps_between(self._interval, total_batches(trainer))

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Discard labels of the previous epoch that were not reported."""
        self._labels = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Pairs | Votes, batch_idx: int
    ) -> None:
        """Collect the batch's labels, and report at each interval."""
        if not should_log(trainer):
            return
        self._labels.append(batch.preference if isinstance(batch, Pairs) else batch.votes)
        if should_report(trainer, batch_idx, self.every_n_steps):
            labels, self._labels = torch.cat(self._labels), []
            values = preference_shares(labels) if isinstance(batch, Pairs) else vote_summary(labels)
            log_metrics(trainer, values, last_step(trainer))


def preference_shares(preference: Float[Tensor, "n"]) -> dict[str, float]:
    """Return the shares of pairs in which the first photo is preferred, the second, or neither.

    Example:
        >>> preference_shares(torch.tensor([1.0, 0.7, 0.5, 0.2]))
        {'labels/first': 0.5, 'labels/second': 0.25, 'labels/tie': 0.25}
    """
    sides = {"first": preference > 0.5, "second": preference < 0.5, "tie": preference == 0.5}
    return {f"labels/{side}": float(chosen.float().mean()) for side, chosen in sides.items()}


def vote_summary(votes: Float[Tensor, "n 10"]) -> dict[str, float]:
    """Return the mean and the standard deviation of the photos' mean votes.

    Example:
        >>> vote_summary(torch.eye(10)[[3, 5]])
        {'labels/mean_vote': 5.0, 'labels/vote_spread': 1.0}
    """
    means = mean_vote(votes)
    return {"labels/mean_vote": float(means.mean()), "labels/vote_spread": float(means.std(correction=0))}
