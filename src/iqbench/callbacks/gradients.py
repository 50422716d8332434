"""Gradient norms and relative weight changes, for each part of the network."""

from typing import Any, NamedTuple, final

import torch
from jaxtyping import Float
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from iqbench.callbacks.logging_steps import Interval, check_interval, log_metrics, should_log, steps_between

HEAD = "head"
"""The optimiser's group whose parameters are also logged separately."""


class _Snapshot(NamedTuple):
    """The trained weights of a group, and their copies from before the step."""

    weights: list[Tensor]
    copies: list[Tensor]
    norm: Float[Tensor, ""]


@final
class Gradients(Callback):
    """Logs gradient norms before clipping and relative weight changes, at every n-th step only.

    ``gradient/GROUP`` is the norm of a group of the optimiser, ``gradient/total`` the norm of all
    groups, which clipping limits, and ``gradient_head/PARAMETER`` the norm of one parameter of the
    head. ``weight_change/GROUP`` is ``|after - before| / |before|`` of the trained weights over one
    step; during that step a copy of them is kept. Frozen parameters are left out.

    With ``accumulate_grad_batches`` the norm is that of the accumulated gradient. In 16-bit mixed
    precision it is that of the unscaled gradient. If the gradient overflows, its norm is infinite or
    NaN, and the weight change is 0, because the step is skipped.

    Args:
        every_n_steps: Optimiser steps between two measurements, or ``auto``; the first step is measured.
    """

    def __init__(self, every_n_steps: Interval) -> None:
        self._interval = check_interval("gradients", every_n_steps)
        self.every_n_steps = steps_between(self._interval, 0)
        self._step = 0
        self._snapshots: dict[str, _Snapshot] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Determine the interval, now that the length of the training is known."""
        self.every_n_steps = steps_between(self._interval, float(trainer.estimated_stepping_batches))

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Log the gradient norms, and copy the weights."""
        if trainer.global_step % self.every_n_steps or not should_log(trainer):
            return
        self._step = trainer.global_step
        groups = _trained(optimizer)
        norms = {f"gradient/{name}": get_total_norm(_gradients(group)) for name, group in groups.items()}
        if norms:
            norms["gradient/total"] = get_total_norm(list(norms.values()))
        names = {parameter: name for name, parameter in pl_module.named_parameters()}
        for parameter in groups.get(HEAD, []):
            norms[f"gradient_head/{names[parameter]}"] = get_total_norm(_gradients([parameter]))
        log_metrics(trainer, _numbers(norms), self._step)
        for name, group in groups.items():
            weights = [parameter.detach() for parameter in group]
            copies = [weight.clone() for weight in weights]
            self._snapshots[name] = _Snapshot(weights, copies, get_total_norm(weights))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Log the weight changes, if the weights were copied before this step."""
        if not self._snapshots:
            return
        changes = {}
        for name, snapshot in self._snapshots.items():
            for copy, weight in zip(snapshot.copies, snapshot.weights, strict=True):
                copy.sub_(weight)
            if snapshot.norm > 0:
                changes[f"weight_change/{name}"] = get_total_norm(snapshot.copies) / snapshot.norm
        self._snapshots = {}
        log_metrics(trainer, _numbers(changes), self._step)


def _trained(optimizer: Optimizer) -> dict[str, list[nn.Parameter]]:
    """Return the parameters with a gradient by group of the optimiser; the name of an unnamed group is its number."""
    groups = {
        str(group.get("name", number)): [parameter for parameter in group["params"] if parameter.grad is not None]
        for number, group in enumerate(optimizer.param_groups)
    }
    return {name: group for name, group in groups.items() if group}


def _gradients(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _numbers(values: dict[str, Tensor]) -> dict[str, float]:
    """Return tensors as numbers, copied from the device together."""
    if not values:
        return {}
    return dict(zip(values, torch.stack(list(values.values())).tolist(), strict=True))
