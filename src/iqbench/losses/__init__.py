"""Training losses: functions in `pairs` and `votes`, chosen by name in the config.

A loss returns one number for each example. The model takes the weighted mean over a batch.
"""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor

from iqbench.errors import UsageError, did_you_mean
from iqbench.interfaces import Labels
from iqbench.losses import pairs, votes

_MODULES: dict[Labels, Any] = {"pairs": pairs, "votes": votes}


def loss_named(labels: Labels, name: str) -> Callable[..., Tensor]:
    """Return a loss by the kind of its labels and its name.

    Raises:
        UsageError: If there is no such loss.

    Example:
        >>> loss_named("pairs", "bradley_terry").__name__
        'bradley_terry'
    """
    module = _MODULES[labels]
    losses = {
        attribute: function
        for attribute, function in vars(module).items()
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not attribute.startswith("_")
    }
    if name not in losses:
        raise UsageError(
            f"model.losses.{labels}={name}: no such loss.{did_you_mean(name, losses)} There are: {', '.join(losses)}"
        )
    return losses[name]
