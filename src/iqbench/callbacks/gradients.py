"""How hard each part of the network is pulled, and how far it moves."""

from typing import Any, NamedTuple, final

import torch
from jaxtyping import Float
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer

from iqbench.callbacks.logging_steps import interval, record, recording

HEAD = "head"
"""The optimiser's group whose parameters are also logged one by one."""


class _Before(NamedTuple):
    """What learns in a group, and a copy of it from before the step."""

    weights: list[Tensor]
    copies: list[Tensor]
    norm: Float[Tensor, ""]


@final
class Gradients(Callback):
    """Logs gradient norms before clipping and relative weight changes, at every n-th step and nothing in between.

    ``gradient/GROUP`` is the norm over a group of the optimiser, ``gradient/total`` that over all of
    them, the one that clipping limits, and ``gradient_head/PARAMETER`` that of one parameter of the
    head. ``weight_change/GROUP`` is ``|after - before| / |before|`` over that one step, of the weights
    that learn; during it a copy of them is held. Frozen parameters have no gradient and are left out.

    Where a step gathers several batches (``accumulate_grad_batches``), its gradient is meant. In 16-bit
    mixed precision the loss is scaled, but the norm is that of the gradient unscaled; where it
    overflowed it is infinite or NaN, and the step is left out: a weight change of 0.

    Args:
        every_n_steps: Steps of the optimiser from one measurement to the next; the first is measured.
    """

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = interval("gradients", every_n_steps)
        self._step = 0
        self._before: dict[str, _Before] = {}

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """Measure the gradients, and remember the weights."""
        if trainer.global_step % self.every_n_steps or not recording(trainer):
            return
        self._step = trainer.global_step
        groups = _learning(optimizer)
        norms = {f"gradient/{name}": get_total_norm(_gradients(group)) for name, group in groups.items()}
        if norms:
            norms["gradient/total"] = get_total_norm(list(norms.values()))
        names = {parameter: name for name, parameter in pl_module.named_parameters()}
        for parameter in groups.get(HEAD, []):
            norms[f"gradient_head/{names[parameter]}"] = get_total_norm(_gradients([parameter]))
        record(trainer, _numbers(norms), self._step)
        for name, group in groups.items():
            weights = [parameter.detach() for parameter in group]
            self._before[name] = _Before(weights, [weight.clone() for weight in weights], get_total_norm(weights))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Measure how far the weights have moved, if they were remembered."""
        if not self._before:
            return
        changes = {}
        for name, before in self._before.items():
            for copy, weight in zip(before.copies, before.weights, strict=True):
                copy.sub_(weight)
            if before.norm > 0:
                changes[f"weight_change/{name}"] = get_total_norm(before.copies) / before.norm
        self._before = {}
        record(trainer, _numbers(changes), self._step)


def _learning(optimizer: Optimizer) -> dict[str, list[nn.Parameter]]:
    """Return what has a gradient, by the optimiser's group; a group without a name goes by its number."""
    groups = {
        str(group.get("name", number)): [parameter for parameter in group["params"] if parameter.grad is not None]
        for number, group in enumerate(optimizer.param_groups)
    }
    return {name: group for name, group in groups.items() if group}


def _gradients(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _numbers(values: dict[str, Tensor]) -> dict[str, float]:
    """Return tensors as numbers, fetched from the device at once."""
    if not values:
        return {}
    return dict(zip(values, torch.stack(list(values.values())).tolist(), strict=True))
