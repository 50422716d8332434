import math
from pathlib import Path

import pytest
import torch
from scipy import stats

from fixtures.tiny_models import ava, fit, pictures, votes
from iqbench.errors import UsageError
from iqbench.interfaces import Pairs, Scorer, Votes
from iqbench.labels import mean_vote
from iqbench.losses import loss_named
from iqbench.losses.votes import VotePrediction


def shares(rows: int, seed: int) -> torch.Tensor:
    weights = torch.rand(rows, 10, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) ** 3
    return weights / weights.sum(dim=1, keepdim=True)


def test_a_head_that_is_sure_of_a_rating_gives_that_score() -> None:
    model = ava()
    with torch.no_grad():
        model.votes[3].weight.zero_()
        model.votes[3].bias.copy_(torch.where(torch.arange(10) == 7, 30.0, -30.0))
    assert model.encode(pictures(1)).item() == pytest.approx(8.0)
    assert model.shares(pictures(1))[0].tolist() == pytest.approx([float(at == 7) for at in range(10)])


def test_regression_starts_in_the_middle_of_the_scale_and_has_no_distribution() -> None:
    model = ava(output="mean", losses={"votes": "mse"})
    with torch.no_grad():
        model.votes[3].weight.zero_()
        model.votes[3].bias.fill_(1.5)
    assert model.encode(pictures(2)).flatten().tolist() == [7.0, 7.0]
    assert model.shares(pictures(2)) is None


@pytest.mark.parametrize(("output", "losses"), [("mean", "mse"), ("distribution", "emd")])
@torch.inference_mode()
def test_a_lower_precision_ends_before_the_head(output: str, losses: str) -> None:
    model = ava(output=output, losses={"votes": losses})
    features = torch.randn(50, model.width, generator=torch.Generator().manual_seed(0))
    expected = model.predict(features).mean
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(model.predict(features).mean, expected)
    assert len(expected.unique()) == 50


@pytest.mark.parametrize("output", ["mean", "distribution"])
@torch.inference_mode()
def test_it_is_a_scorer_whose_margin_is_the_difference_of_scores(output: str) -> None:
    model = ava(output=output, losses={"votes": "huber"})
    assert isinstance(model, Scorer)
    scores = model.encode(pictures(4))
    assert scores.shape == (4, 1)
    assert torch.equal(model.margin(scores[:2], scores[2:]), (scores[:2] - scores[2:])[:, 0])
    if output == "distribution":
        assert bool(((scores > 1) & (scores < 10)).all())


@torch.inference_mode()
@pytest.mark.parametrize("name", ["emd", "kl", "mse", "huber"])
def test_the_loss_is_the_one_that_is_named(name: str) -> None:
    batch = Votes(pictures(3), shares(3, 2).float(), torch.ones(3), torch.arange(3))
    model = ava(losses={"votes": name})
    losses, predicted, true = model.answer(batch)
    answer = model.votes(model.features(batch.pictures))
    expected = loss_named("votes", name)(VotePrediction(mean_vote(answer.softmax(dim=1)), answer), batch.votes)
    assert torch.equal(losses, expected)
    assert torch.equal(predicted, model.encode(batch.pictures)[:, 0])
    assert torch.equal(true, mean_vote(batch.votes))


@torch.inference_mode()
def test_it_learns_from_pairs_as_a_scorer_whose_difference_is_the_margin() -> None:
    preference = torch.tensor([1.0, 0.0, 0.5])
    batch = Pairs(pictures(3, seed=1), pictures(3, seed=2), preference, torch.ones(3), torch.arange(3))
    model = ava()
    losses, margin, true = model.answer(batch)
    torch.testing.assert_close(margin, (model.encode(batch.first) - model.encode(batch.second))[:, 0])
    slow = [math.log(1 + math.exp(-m)) for m in margin.tolist()]
    assert losses[0].item() == pytest.approx(slow[0], rel=1e-5)
    assert torch.equal(true, preference)


def test_a_loss_of_distributions_needs_the_distribution() -> None:
    with pytest.raises(
        UsageError, match=r"model\.losses\.votes=emd: needs the distribution .* model\.output=distribution"
    ):
        ava(output="mean", losses={"votes": "emd"})


def test_the_metrics_of_an_epoch_are_over_all_of_it(tmp_path: Path) -> None:
    model = ava()
    trainer = fit(model, votes(8), tmp_path, validation=votes(7), batch_size=2, max_epochs=1)
    index, predicted, true, _ = model.answers.numpy().T
    assert index.tolist() == list(range(7))
    assert true.tolist() == pytest.approx([1, 2, 3, 4, 5, 6, 7])
    assert trainer.callback_metrics["val/srcc"].item() == pytest.approx(stats.spearmanr(predicted, true).statistic)
    assert trainer.callback_metrics["val/rmse"].item() == pytest.approx(((predicted - true) ** 2).mean() ** 0.5)


def test_a_constant_answer_has_no_rank_correlation(tmp_path: Path) -> None:
    model = ava()
    with torch.no_grad():
        model.votes[3].weight.zero_()
    trainer = fit(model, votes(4), tmp_path, validation=votes(4), max_epochs=1, limit_train_batches=0)
    assert "val/srcc" not in trainer.callback_metrics


def test_an_output_that_there_is_not_is_refused() -> None:
    with pytest.raises(UsageError, match="output=median: no such output; there are mean and distribution"):
        ava(output="median")
