"""Losses for preferences, from margins and the probability that the first photo is better."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def bradley_terry(margin: Float[Tensor, "n"], preference: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Return the cross entropy of a Bradley-Terry model.

    Args:
        margin: Log-odds that the first photo is better.
        preference: Probability that the first photo is better, as in `iqbench.interfaces.Preference`; 0.5 is a tie.

    Example:
        >>> import torch
        >>> round(bradley_terry(torch.tensor([0.0]), torch.tensor([1.0])).item(), 4)
        0.6931

    Reference:
        Bradley and Terry, *Rank analysis of incomplete block designs*, Biometrika 1952.
    """
    return functional.binary_cross_entropy_with_logits(margin, preference, reduction="none")


def margin_ranking(margin: Float[Tensor, "n"], preference: Float[Tensor, "n"]) -> Float[Tensor, "n"]:
    """Return the shortfall of each margin below 1 on the winner's side; for a tie, the size of the margin.

    Between the two cases the loss is interpolated: for a preference of 75 % it is the mean of both.

    Example:
        >>> import torch
        >>> margin_ranking(torch.tensor([0.25, 2.0, 0.25]), torch.tensor([1.0, 1.0, 0.5])).tolist()
        [0.75, 0.0, 0.25]

    Reference:
        Herbrich, Graepel and Obermayer, *Large margin rank boundaries for ordinal regression*, 2000.
    """
    side = 2 * preference - 1
    agreement = side.abs()
    return agreement * functional.relu(1 - side.sign() * margin) + (1 - agreement) * margin.abs()
