"""What training minimises. Small functions, one number out."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional


def preference_loss(margin: Float[Tensor, "n"], preference: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """Return the cross entropy of a Bradley-Terry model.

    Args:
        margin: Log-odds that the first photo is better.
        preference: Probability that it is, as in `iqbench.interfaces.Preference`; 0.5 is a tie.

    Reference:
        Bradley and Terry, *Rank analysis of incomplete block designs*, Biometrika 1952.
    """
    return functional.binary_cross_entropy_with_logits(margin, preference)


def emd_loss(predicted: Float[Tensor, "n bins"], votes: Float[Tensor, "n bins"]) -> Float[Tensor, ""]:
    """Return the earth mover's distance between two distributions of votes, with r = 2.

    Both rows sum to 1, and the bins are one vote apart.

    Example:
        >>> sure = torch.eye(10)
        >>> round(emd_loss(sure[:1], sure[1:2]).item(), 4)  # one bin of ten apart
        0.3162

    Reference:
        Talebi and Milanfar, *NIMA: Neural image assessment*, IEEE TIP 2018, equation 1.
    """
    gap = torch.cumsum(predicted - votes, dim=1)
    return gap.square().mean(dim=1).clamp_min(1e-12).sqrt().mean()


def mean_vote(votes: Float[Tensor, "n bins"]) -> Float[Tensor, "n"]:
    """Return the mean of each distribution over ratings 1, 2, ...

    Example:
        >>> mean_vote(torch.eye(10)[:1]).item()
        1.0
    """
    ratings = torch.arange(1, votes.shape[1] + 1, dtype=votes.dtype, device=votes.device)
    return votes @ ratings
