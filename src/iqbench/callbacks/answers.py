"""What the model answered in the last validation, and what the examples are called."""

from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64
from lightning import LightningModule, Trainer
from torch import Tensor


@runtime_checkable
class Answering(Protocol):
    """A model that keeps its answers to the last validation."""

    answers: Float64[Tensor, "n 4"]
    """A row an example: its index, what was predicted and true, its loss."""
    learns_pairs: bool
    """Whether that is margins and preferences, and not mean votes."""


def answers_of(trainer: Trainer, model: LightningModule) -> pd.DataFrame | None:
    """Return the last validation as a table, a row an example, or None for a model that keeps no answers.

    Between ``index`` and ``predicted``, ``true``, ``loss`` stands what the data module knows of each
    example: the names of its photos, their series. A data module without ``validation_names`` knows nothing.
    """
    if not isinstance(model, Answering):
        return None
    values = model.answers.numpy()
    index = values[:, 0].astype(np.int64)
    table = pd.DataFrame({"index": index})
    names = getattr(getattr(trainer, "datamodule", None), "validation_names", None)
    if names is not None:
        for column in names.columns:
            table[column] = names[column].to_numpy()[index]
    return table.assign(predicted=values[:, 1], true=values[:, 2], loss=values[:, 3])


def lead(margin: Float[np.ndarray, "n"], preference: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return each margin as seen from people's choice: positive is right; NaN where people chose neither.

    Example:
        >>> lead(np.array([2.0, 2.0, -1.0, 3.0]), np.array([0.9, 0.2, 0.0, 0.5])).tolist()
        [2.0, -2.0, 1.0, nan]
    """
    towards = np.sign(np.asarray(preference) - 0.5)
    return np.where(towards == 0, np.nan, np.asarray(margin) * towards)
