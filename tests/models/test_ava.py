import math
from pathlib import Path

import pytest
import torch

from iqbench.errors import UsageError
from iqbench.interfaces import Scorer, Votes
from iqbench.losses import emd_loss, mean_vote, preference_loss
from schooling import ava, fit, pictures, votes


def shares(rows: int, seed: int) -> torch.Tensor:
    weights = torch.rand(rows, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) ** 3
    return weights / weights.sum(dim=1, keepdim=True)


def test_the_earth_movers_distance_is_that_of_a_slow_rederivation() -> None:
    predicted, true = shares(7, 0), shares(7, 1)
    slow = []
    for row in range(7):
        squares = [(sum(predicted[row, : k + 1]) - sum(true[row, : k + 1])).item() ** 2 for k in range(10)]
        slow.append(math.sqrt(sum(squares) / 10))
    assert emd_loss(predicted, true).item() == pytest.approx(sum(slow) / 7, rel=1e-9)


def test_the_earth_movers_distance_grows_with_the_way_and_is_nought_on_the_spot() -> None:
    sure = torch.eye(10, dtype=torch.float64)
    distances = [emd_loss(sure[:1], sure[at : at + 1]).item() for at in range(10)]
    assert distances == pytest.approx([math.sqrt(at / 10) for at in range(10)], abs=1e-5)


def test_the_earth_movers_distance_has_a_gradient_where_it_is_nought() -> None:
    predicted = torch.full((1, 10), 0.1, requires_grad=True)
    emd_loss(predicted, torch.full((1, 10), 0.1)).backward()
    assert predicted.grad is not None
    assert bool(predicted.grad.isfinite().all())


def test_the_preference_loss_is_worked_out_by_hand() -> None:
    margin, preference = torch.tensor([math.log(3.0), 0.0]), torch.tensor([1.0, 0.5])
    assert preference_loss(margin, preference).item() == pytest.approx((-math.log(0.75) + math.log(2)) / 2)


def test_the_mean_vote_is_worked_out_by_hand() -> None:
    assert mean_vote(torch.eye(10)).tolist() == list(range(1, 11))
    assert mean_vote(torch.full((1, 10), 0.1)).item() == pytest.approx(5.5)
    split = torch.tensor([[0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0.5], [0, 0.25, 0, 0.75, 0, 0, 0, 0, 0, 0]])
    assert mean_vote(split).tolist() == pytest.approx([5.5, 3.5])


def test_a_head_that_is_sure_of_a_rating_gives_that_score() -> None:
    answer = torch.full((1, 10), -30.0)
    answer[0, 7] = 30.0
    assert ava().score(answer).item() == pytest.approx(8.0)


def test_regression_starts_in_the_middle_of_the_scale() -> None:
    assert ava(output="mean").score(torch.tensor([[0.0], [1.5]])).tolist() == [5.5, 7.0]


@pytest.mark.parametrize("output", ["mean", "distribution"])
@torch.inference_mode()
def test_it_is_a_scorer_whose_margin_is_the_difference_of_scores(output: str) -> None:
    model = ava(output=output)
    assert isinstance(model, Scorer)
    scores = model.encode(pictures(4))
    assert scores.shape == (4, 1)
    assert torch.equal(model.margin(scores[:2], scores[2:]), (scores[:2] - scores[2:])[:, 0])
    if output == "distribution":
        assert bool(((scores > 1) & (scores < 10)).all())


@torch.inference_mode()
def test_the_loss_is_that_of_the_output() -> None:
    batch = Votes(pictures(3), shares(3, 2).float())
    distribution, mean = ava(output="distribution"), ava(output="mean")
    loss, predicted, true = distribution.loss(batch)
    answer = distribution.votes(distribution.features(batch.pictures)).softmax(dim=1)
    assert loss.item() == pytest.approx(emd_loss(answer, batch.votes).item())
    assert torch.equal(predicted, distribution.encode(batch.pictures)[:, 0])
    loss, predicted, _ = mean.loss(batch)
    assert loss.item() == pytest.approx(
        sum((p - t) ** 2 for p, t in zip(predicted.tolist(), true.tolist(), strict=True)) / 3
    )
    assert torch.equal(true, mean_vote(batch.votes))


def test_the_rank_correlation_is_over_the_whole_epoch_and_starts_afresh() -> None:
    model = ava()
    model.update_quality(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0]))
    model.update_quality(torch.tensor([3.0, 4.0]), torch.tensor([4.0, 9.0]))
    assert model.compute_quality() == pytest.approx(1 - 6 * 2 / (4 * 15))  # ranks 2 1 3 4: two off by one
    model.update_quality(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]))
    assert model.compute_quality() == pytest.approx(1.0)


def test_a_constant_answer_has_no_rank_correlation(tmp_path: Path) -> None:
    model = ava()
    with torch.no_grad():
        model.votes[3].weight.zero_()
    trainer = fit(model, votes(4), tmp_path, validation=votes(4), max_epochs=1, limit_train_batches=0)
    assert "val/srcc" not in trainer.callback_metrics


def test_an_output_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="output=median: no such output; there are mean and distribution"):
        ava(output="median")
