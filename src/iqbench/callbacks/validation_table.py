"""The last validation as a table: predictions, labels, losses, and the names of the photos."""

from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64
from lightning import LightningModule, Trainer
from torch import Tensor


@runtime_checkable
class KeepsAnswers(Protocol):
    """A model that keeps its predictions for the last validation."""

    answers: Float64[Tensor, "n 4"]
    """One row per example: index, prediction, label, loss."""
    learns_pairs: bool
    """True if predictions are margins and labels preferences; otherwise both are mean votes."""


def validation_table(trainer: Trainer, model: LightningModule) -> pd.DataFrame | None:
    """Return the last validation, one row per example, or None for a model that keeps no predictions.

    The columns are ``index``, then those of the data module's ``validation_names`` if it has any
    (photo names and series), then ``predicted``, ``true`` and ``loss``.
    """
    if not isinstance(model, KeepsAnswers):
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
    """Return each margin with the sign of people's preference: positive if right, NaN if people have none.

    Example:
        >>> lead(np.array([2.0, 2.0, -1.0, 3.0]), np.array([0.9, 0.2, 0.0, 0.5])).tolist()
        [2.0, -2.0, 1.0, nan]
    """
    sign = np.sign(np.asarray(preference) - 0.5)
    return np.where(sign == 0, np.nan, np.asarray(margin) * sign)
