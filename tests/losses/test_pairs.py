import math

import pytest
import torch

from iqbench.losses import loss_named
from iqbench.losses.pairs import bradley_terry, margin_ranking

NAMES = ["bradley_terry", "margin_ranking"]


def test_the_cross_entropy_is_worked_out_by_hand() -> None:
    margin, preference = torch.tensor([math.log(3.0), 0.0]), torch.tensor([1.0, 0.5])
    assert bradley_terry(margin, preference).tolist() == pytest.approx([-math.log(0.75), math.log(2)])


def test_a_soft_target_is_best_met_by_its_own_log_odds() -> None:
    margins = torch.linspace(-4, 4, 801)
    best = margins[bradley_terry(margins, torch.full((801,), 0.8)).argmin()]
    assert best.item() == pytest.approx(math.log(0.8 / 0.2), abs=0.01)


def test_the_ranking_loss_is_worked_out_by_hand() -> None:
    margin = torch.tensor([0.25, 2.0, -0.5, 0.25, -0.3, 0.5])
    preference = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.5, 0.75])
    assert margin_ranking(margin, preference).tolist() == pytest.approx([0.75, 0.0, 1.5, 1.25, 0.3, 0.5])


@pytest.mark.parametrize("name", NAMES)
def test_swapping_the_photos_changes_nothing(name: str) -> None:
    loss, generator = loss_named("pairs", name), torch.Generator().manual_seed(0)
    margin, preference = torch.randn(50, generator=generator), torch.rand(50, generator=generator)
    torch.testing.assert_close(loss(margin, preference), loss(-margin, 1 - preference))


@pytest.mark.parametrize("name", NAMES)
def test_a_margin_towards_the_winner_costs_less(name: str) -> None:
    costs = loss_named("pairs", name)(torch.tensor([0.5, 0.0, -0.5]), torch.ones(3)).tolist()
    assert costs == sorted(costs)
    assert costs[0] < costs[1] < costs[2]
