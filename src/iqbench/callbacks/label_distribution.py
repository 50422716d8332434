"""What the labels of the training batches are, as they are drawn."""

from typing import Any, final

import torch
from jaxtyping import Float
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from iqbench.callbacks.logging_steps import due, interval, record, recording, step_done
from iqbench.interfaces import Pairs, Votes
from iqbench.labels import mean_vote


@final
class LabelShares(Callback):
    """Logs what the labels were since the last report, to see what sampling and targets make of a set.

    Of pairs ``labels/first``, ``labels/second`` and ``labels/tie``: the share of pairs whose first or
    second photo people prefer, or neither. Of votes ``labels/mean_vote`` and ``labels/vote_spread``:
    the mean and the standard deviation of the photos' mean votes. Where several processes train, of
    the first one's batches.

    Args:
        every_n_steps: Batches from one report to the next; a shorter epoch has one at its end.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = interval("label_shares", every_n_steps)
        self._labels: list[Tensor] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget what the epoch before left unreported."""
        self._labels = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Pairs | Votes, batch_idx: int
    ) -> None:
        """Keep the batch's labels, and report if it is time."""
        if not recording(trainer):
            return
        self._labels.append(batch.preference if isinstance(batch, Pairs) else batch.votes)
        if due(trainer, batch_idx, self.every_n_steps):
            labels, self._labels = torch.cat(self._labels), []
            values = preference_shares(labels) if isinstance(batch, Pairs) else vote_summary(labels)
            record(trainer, values, step_done(trainer))


def preference_shares(preference: Float[Tensor, "n"]) -> dict[str, float]:
    """Return how often the first photo is preferred, the second, or neither.

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
