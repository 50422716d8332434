import math

import pytest
import torch

from iqbench.errors import UsageError
from iqbench.labels import mean_vote
from iqbench.losses import loss_named
from iqbench.losses.votes import VotePrediction, emd, huber, kl, mse


def shares(rows: int, seed: int) -> torch.Tensor:
    weights = torch.rand(rows, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) ** 3
    return weights / weights.sum(dim=1, keepdim=True)


def prediction_of(distribution: torch.Tensor) -> VotePrediction:
    return VotePrediction(mean_vote(distribution), distribution.log())


def test_the_earth_movers_distance_is_that_of_a_slow_rederivation() -> None:
    predicted, true = shares(7, 0), shares(7, 1)
    slow = []
    for row in range(7):
        squares = [(sum(predicted[row, : k + 1]) - sum(true[row, : k + 1])).item() ** 2 for k in range(10)]
        slow.append(math.sqrt(sum(squares) / 10))
    assert emd(prediction_of(predicted), true).tolist() == pytest.approx(slow, rel=1e-9)


def test_the_earth_movers_distance_grows_with_the_distance_and_is_zero_for_equal_votes() -> None:
    sure = torch.eye(10, dtype=torch.float64)
    distances = [emd(prediction_of(sure[:1]), sure[at : at + 1]).item() for at in range(10)]
    assert distances == pytest.approx([math.sqrt(at / 10) for at in range(10)], abs=1e-5)


@pytest.mark.parametrize("name", ["emd", "kl"])
def test_a_distance_has_a_gradient_at_zero(name: str) -> None:
    logits = torch.zeros(1, 10, requires_grad=True)
    predicted = VotePrediction(mean_vote(logits.softmax(1)), logits)
    loss_named("votes", name)(predicted, torch.full((1, 10), 0.1)).sum().backward()
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())


def test_the_divergence_is_that_of_a_slow_rederivation() -> None:
    predicted, true = shares(5, 0), shares(5, 1)
    slow = [
        sum(t * math.log(t / p) for p, t in zip(*rows, strict=True))
        for rows in zip(predicted.tolist(), true.tolist(), strict=True)
    ]
    assert kl(prediction_of(predicted), true).tolist() == pytest.approx(slow, rel=1e-9)


def test_errors_of_the_mean_are_worked_out_by_hand() -> None:
    true = torch.eye(10)[[2, 2, 2]]  # everyone says 3
    predicted = VotePrediction(torch.tensor([3.5, 5.0, 3.0]), None)
    assert mse(predicted, true).tolist() == pytest.approx([0.25, 4.0, 0.0])
    assert huber(predicted, true).tolist() == pytest.approx([0.125, 1.5, 0.0])


@pytest.mark.parametrize("name", ["emd", "kl"])
def test_a_loss_that_needs_the_distribution_refuses_a_prediction_without_it(name: str) -> None:
    with pytest.raises(UsageError, match=f"model\\.losses\\.votes={name}: needs the distribution"):
        loss_named("votes", name)(VotePrediction(torch.zeros(1), None), torch.full((1, 10), 0.1))


def test_an_unknown_loss_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        UsageError, match=r"model\.losses\.votes=hubr: no such loss\. Did you mean 'huber'\? There are: emd, kl"
    ):
        loss_named("votes", "hubr")
    with pytest.raises(UsageError, match=r"There are: emd, kl, mse, huber$"):
        loss_named("votes", "mean_vote")  # imported there, but no loss
