"""Rules that make one margin of several: a weighted sum (stacking), and a router that listens to one model."""

from itertools import combinations
from typing import Annotated, Literal, Self, get_args

import torch
from jaxtyping import Float, Int
from pydantic import Field, model_validator
from torch import Tensor

from iqbench.records import Record

Variant = Literal["stacking", "router"]

VARIANTS: tuple[Variant, ...] = get_args(Variant)

NotNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class Stacking(Record):
    """A weighted sum of the members' margins, in log-odds.

    No weight is negative: where all members agree, so does the sum. Unlike the members' weights in a sum of any sign,
    such weights hold on photos of another kind, too.

    Args:
        weights: The weight of each member's margin; 0 leaves a member out.

    Raises:
        ValueError: If no weight is above 0.

    Example:
        >>> Stacking(weights=[2.0, 0.5]).margin(torch.tensor([[1.0, -2.0], [0.0, 0.0]])).tolist()
        [1.0, 0.0]

    Reference:
        Breiman, *Stacked regressions*, Machine Learning 1996.
    """

    weights: list[NotNegative]

    @model_validator(mode="after")
    def _has_a_weight(self) -> Self:
        if not any(self.weights):
            raise ValueError("no weight is above 0")
        return self

    @property
    def members(self) -> int:
        """The number of members."""
        return len(self.weights)

    def margin(self, margins: Float[Tensor, "n members"]) -> Float[Tensor, "n"]:
        """Return the sum of each row. It is computed row by row, so that swapped photos flip it to the last bit."""
        return (margins * margins.new_tensor(self.weights)).sum(dim=1)


class Router(Record):
    """A gate that listens to one member about each pair, by the sizes of all margins and by who agrees with whom.

    These do not change when the two photos are swapped, so the member does not, and the margin flips.

    Args:
        scales: A usual size of each member's margin, by which it is divided.
        slopes: The log-odds per unit of a member's margin; 0 for one that is never listened to.
        intercepts: The gate's intercept for each member.
        coefficients: The gate's coefficients for each member: of `gate_features`.

    Raises:
        ValueError: If the lists do not belong together, or no member is listened to.
    """

    scales: list[Positive]
    slopes: list[NotNegative]
    intercepts: list[float]
    coefficients: list[list[float]]

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        members, features = len(self.scales), feature_count(len(self.scales))
        if not any(self.slopes):
            raise ValueError("no slope is above 0")
        if not len(self.slopes) == len(self.intercepts) == len(self.coefficients) == members:
            raise ValueError("there is not one slope, intercept and list of coefficients for each scale")
        if any(len(of_member) != features for of_member in self.coefficients):
            raise ValueError(f"a gate of {members} members has {features} coefficients for each")
        return self

    @property
    def members(self) -> int:
        """The number of members."""
        return len(self.scales)

    def choice(self, margins: Float[Tensor, "n members"]) -> Int[Tensor, "n"]:
        """Return the number of the member that is listened to about each pair."""
        features = gate_features(margins, margins.new_tensor(self.scales))
        logits = (features.unsqueeze(1) * margins.new_tensor(self.coefficients)).sum(dim=2)
        logits = logits + margins.new_tensor(self.intercepts)
        return logits.masked_fill(margins.new_tensor(self.slopes) == 0, -torch.inf).argmax(dim=1)

    def margin(self, margins: Float[Tensor, "n members"]) -> Float[Tensor, "n"]:
        """Return the chosen member's margin in log-odds; NaN where any member has no answer."""
        calibrated = (margins * margins.new_tensor(self.slopes)).gather(1, self.choice(margins).unsqueeze(1)).squeeze(1)
        return calibrated.where(margins.isfinite().all(dim=1), torch.nan)


def feature_count(members: int) -> int:
    """Return the number of `gate_features` of so many members."""
    return members + members * (members - 1) // 2


def gate_features(margins: Float[Tensor, "n members"], scales: Float[Tensor, "members"]) -> Float[Tensor, "n features"]:
    """Return the features of a router's gate: how sure each member is, and whether every two agree.

    Example:
        >>> gate_features(torch.tensor([[1.0, -3.0], [0.0, 3.0]]), torch.tensor([1.0, 3.0]))
        tensor([[ 0.6931,  0.6931, -1.0000],
                [ 0.0000,  0.6931,  0.0000]])
    """
    sureness = (margins.abs() / scales).log1p()
    signs = margins.sign()
    agreement = [signs[:, a] * signs[:, b] for a, b in combinations(range(margins.shape[1]), 2)]
    return torch.stack([*sureness.unbind(dim=1), *agreement], dim=1)
