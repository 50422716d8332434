"""The rules that make one margin of several."""

import math

import pytest
import torch
from pydantic import ValidationError

from iqbench.models.combining import Router, Stacking, feature_count, gate_features

BY_SURENESS = Router(
    scales=[1.0, 10.0], slopes=[2.0, 0.1], intercepts=[0.0, 0.0], coefficients=[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
)
"""Listens to the member whose margin is the larger one, relative to its usual size."""


def random_margins(count: int, members: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, members, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_stacking_is_the_weighted_sum() -> None:
    margins = torch.tensor([[1.0, -4.0, 100.0], [0.5, 0.5, -100.0]])
    assert Stacking(weights=[2.0, 0.25, 0.0]).margin(margins).tolist() == [1.0, 1.125]


def test_the_router_answers_with_the_margin_of_the_member_it_listens_to() -> None:
    margins = torch.tensor([[3.0, -20.0], [1.0, -20.0], [-3.0, 20.0]])  # relative sizes 3 and 2, 1 and 2, 3 and 2
    assert BY_SURENESS.choice(margins).tolist() == [0, 1, 0]
    assert BY_SURENESS.margin(margins).tolist() == pytest.approx([6.0, -2.0, -6.0])


def test_a_gate_can_listen_by_who_agrees() -> None:
    by_agreement = BY_SURENESS.model_copy(update={"coefficients": [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]})
    assert by_agreement.choice(torch.tensor([[1.0, 5.0], [1.0, -5.0]])).tolist() == [0, 1]


def test_a_member_with_slope_0_is_never_listened_to() -> None:
    deaf = BY_SURENESS.model_copy(update={"slopes": [0.0, 0.1]})
    assert deaf.choice(torch.tensor([[100.0, 0.0]])).tolist() == [1]


@pytest.mark.parametrize("rule", [Stacking(weights=[2.0, 0.25]), BY_SURENESS], ids=["stacking", "router"])
def test_swapped_margins_flip_to_the_last_bit_and_no_margin_is_a_tie(rule: Stacking | Router) -> None:
    margins = random_margins(500, 2)
    assert torch.equal(rule.margin(-margins), -rule.margin(margins))
    assert rule.margin(torch.zeros(1, 2)).item() == 0
    alone = torch.cat([rule.margin(row.unsqueeze(0)) for row in margins])
    assert torch.equal(alone, rule.margin(margins))


@pytest.mark.parametrize("rule", [Stacking(weights=[2.0, 0.25]), BY_SURENESS], ids=["stacking", "router"])
def test_without_one_members_answer_there_is_none(rule: Stacking | Router) -> None:
    both_ways = torch.tensor([[math.nan, 5.0], [5.0, math.nan], [1.0, 1.0]])
    assert rule.margin(both_ways).isnan().tolist() == [True, True, False]


def test_the_features_of_a_gate_do_not_change_when_photos_are_swapped() -> None:
    margins, scales = random_margins(50, 4), torch.tensor([1.0, 2.0, 3.0, 4.0])
    features = gate_features(margins, scales)
    assert features.shape == (50, feature_count(4)) == (50, 10)
    assert torch.equal(features, gate_features(-margins, scales))


@pytest.mark.parametrize("weights", [[1.0, -0.1], [0.0, 0.0], [math.nan], []])
def test_weights_below_0_or_all_0_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValidationError):
        Stacking(weights=weights)


@pytest.mark.parametrize(
    "change", [{"slopes": [1.0]}, {"scales": [0.0, 1.0]}, {"slopes": [0.0, 0.0]}, {"coefficients": [[1.0], [1.0]]}]
)
def test_a_router_of_parts_that_do_not_belong_together_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Router.model_validate(BY_SURENESS.model_dump() | change)
