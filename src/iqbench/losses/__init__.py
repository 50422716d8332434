"""What training minimises: a loss is a function in `pairs` or `votes`, and a config names it.

A loss returns one number for each example; the mean over a batch, by the examples' weights, is taken elsewhere.
"""

import inspect
from collections.abc import Callable
from typing import Any

from torch import Tensor

from iqbench.errors import UsageError, did_you_mean
from iqbench.interfaces import Labels
from iqbench.losses import pairs, votes

_PLACES: dict[Labels, Any] = {"pairs": pairs, "votes": votes}


def loss_named(labels: Labels, name: str) -> Callable[..., Tensor]:
    """Return the loss of that name for that kind of label.

    Raises:
        UsageError: If there is none.

    Example:
        >>> loss_named("pairs", "bradley_terry").__name__
        'bradley_terry'
    """
    place = _PLACES[labels]
    known = {
        word: function
        for word, function in vars(place).items()
        if inspect.isfunction(function) and function.__module__ == place.__name__ and not word.startswith("_")
    }
    if name not in known:
        raise UsageError(
            f"model.losses.{labels}={name}: no such loss.{did_you_mean(name, known)} There are: {', '.join(known)}"
        )
    return known[name]
