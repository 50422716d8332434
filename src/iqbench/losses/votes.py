"""Losses for votes, from a `VotePrediction` and the true shares of the ratings 1 to 10."""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from iqbench.errors import UsageError
from iqbench.labels import mean_vote


class VotePrediction(NamedTuple):
    """A model's prediction of votes: their mean, and the logits of the ten ratings if the model has them."""

    mean: Float[Tensor, "n"]
    logits: Float[Tensor, "n 10"] | None


def emd(predicted: VotePrediction, votes: Float[Tensor, "n 10"]) -> Float[Tensor, "n"]:
    """Return the earth mover's distance of the predicted from the true distribution of votes, with r = 2.

    Example:
        >>> single_rating = torch.eye(10)
        >>> prediction = VotePrediction(torch.tensor([1.0]), 100 * single_rating[:1])
        >>> round(emd(prediction, single_rating[1:2]).item(), 4)  # one bin of ten apart
        0.3162

    Reference:
        Talebi and Milanfar, *NIMA: Neural image assessment*, IEEE TIP 2018, equation 1.
    """
    gap = torch.cumsum(_logits(predicted, "emd").softmax(dim=1) - votes, dim=1)
    return gap.square().mean(dim=1).clamp_min(1e-12).sqrt()


def kl(predicted: VotePrediction, votes: Float[Tensor, "n 10"]) -> Float[Tensor, "n"]:
    """Return the Kullback-Leibler divergence of the predicted distribution from the true one.

    Example:
        >>> uniform = torch.full((1, 10), 0.1)
        >>> kl(VotePrediction(torch.tensor([5.5]), torch.zeros(1, 10)), uniform).abs().item() < 1e-6
        True
    """
    log_shares = _logits(predicted, "kl").log_softmax(dim=1)
    return functional.kl_div(log_shares, votes, reduction="none").sum(dim=1)


def mse(predicted: VotePrediction, votes: Float[Tensor, "n 10"]) -> Float[Tensor, "n"]:
    """Return the squared error of the mean vote.

    Example:
        >>> mse(VotePrediction(torch.tensor([3.0]), None), torch.eye(10)[:1]).item()
        4.0
    """
    return (predicted.mean - mean_vote(votes)).square()


def huber(predicted: VotePrediction, votes: Float[Tensor, "n 10"]) -> Float[Tensor, "n"]:
    """Return the Huber loss of the mean vote: half the squared error up to one vote, linear beyond.

    Example:
        >>> huber(VotePrediction(torch.tensor([3.0]), None), torch.eye(10)[:1]).item()
        1.5

    Reference:
        Huber, *Robust estimation of a location parameter*, Annals of Mathematical Statistics 1964.
    """
    return functional.huber_loss(predicted.mean, mean_vote(votes), reduction="none")


def _logits(predicted: VotePrediction, name: str) -> Float[Tensor, "n 10"]:
    if predicted.logits is None:
        raise UsageError(
            f"model.losses.votes={name}: needs the distribution of votes; "
            "set model.output=distribution, or model.losses.votes=mse"
        )
    return predicted.logits
