"""The scale of a model's predictions: shares of votes, a mean vote, a score, or only preferences."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from iqbench.errors import UsageError, described
from iqbench.inference.failures import raise_if_fatal
from iqbench.interfaces import QualityModel, is_scorer
from iqbench.labels import mean_vote

TOLERANCE = 1e-2
"""Largest difference, in votes, between the score of a photo and the mean of its predicted votes."""


@runtime_checkable
class PredictsVotes(Protocol):
    """A scorer that predicts votes from 1 to 10: its score is their mean."""

    def shares(self, inputs: Shaped[Tensor, "n ..."]) -> Float[Tensor, "n 10"] | None:
        """Return the share of each rating, or None where only the mean is predicted."""
        ...


class VoteScale(NamedTuple):
    """The kind of a model's predictions, and the reason if it does not predict votes.

    ``shares`` of ratings, or their ``mean``; a ``score`` on another scale; or only the ``preference``
    for a photo over others.
    """

    predicts: Literal["shares", "mean", "score", "preference"]
    reason: str = ""


def vote_scale(
    model: QualityModel, trained_on: Mapping[str, Any], picture: Shaped[Tensor, "..."] | None, device: torch.device
) -> VoteScale:
    """Return the scale of a model's predictions, from its answer about a photo.

    Args:
        model: The judge, on its device.
        trained_on: Its training provenance, as far as it is recorded.
        picture: Any prepared photo; None where no photo can be read, so that nothing is predicted.
        device: The model's device.

    Raises:
        UsageError: If the predicted shares do not sum to 1 or contradict the score.
    """
    if not is_scorer(model):
        return VoteScale("preference", "the model compares photos and has no score")
    if not isinstance(model, PredictsVotes):
        return VoteScale("score", "the model's scores are not votes")
    if trained_on.get("labels") not in (None, "votes"):
        return VoteScale("score", f"the model was trained on {trained_on['labels']}, so its scores are not votes")
    kind = type(model).__name__
    inputs = None if picture is None else picture.unsqueeze(0).to(device)
    try:
        with torch.inference_mode():
            shares, score = (None, 0.0) if inputs is None else (model.shares(inputs), float(model.encode(inputs)))
    except Exception as error:
        raise_if_fatal(error)
        raise UsageError(f"model {kind}: shares fails on a photo ({described(error)})") from error
    if shares is None:
        return VoteScale("mean")
    if (
        not isinstance(shares, Tensor)
        or shares.shape != (1, 10)
        or not bool((shares >= 0).all())
        or not np.isclose(float(shares.sum()), 1, atol=1e-3)
    ):
        raise UsageError(f"model {kind}: shares must return ten shares that sum to 1, for each picture")
    if abs(float(mean_vote(shares.float())) - score) > TOLERANCE:
        raise UsageError(f"model {kind}: its score must be the mean of the votes that its shares predict")
    return VoteScale("shares")
