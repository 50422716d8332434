"""What a model's predictions are."""

import pytest
import torch

from fixtures.tiny_models import ava, siamese
from iqbench.errors import UsageError
from iqbench.evaluation.vote_scale import vote_scale
from iqbench.interfaces import Scorer
from iqbench.models.rules import Rules
from iqbench.photos import synthetic_photo

CPU = torch.device("cpu")


def scale(model, labels=None):
    return vote_scale(model, {} if labels is None else {"labels": labels}, model.prepare(synthetic_photo()), CPU)


def test_a_regressor_of_votes_predicts_shares_or_their_mean():
    assert scale(ava(output="distribution")).predicts == "shares"
    assert scale(ava(output="mean", losses={"votes": "mse"}), "votes").predicts == "mean"


def test_a_regressor_that_learned_from_pairs_has_only_a_score():
    regressor_scale = scale(ava(), "pairs")
    assert regressor_scale.predicts == "score"
    assert "trained on pairs" in regressor_scale.reason


def test_others_say_why_they_predict_no_votes():
    assert scale(Rules({"sharpness": 1.0}, clipped=True)).predicts == "score"
    siamese_scale = scale(siamese())
    assert siamese_scale.predicts == "preference"
    assert "no score" in siamese_scale.reason


class Voter(Scorer):
    """Says a score and shares that are given."""

    def __init__(self, score, shares):
        self.score, self.votes = score, torch.tensor([shares])

    def prepare(self, photo):
        return torch.zeros(1)

    def encode(self, inputs):
        return torch.full((len(inputs), 1), self.score)

    def shares(self, inputs):
        return self.votes


def test_votes_and_score_that_do_not_fit_together_are_refused():
    good = [0.0] * 9 + [1.0]
    assert scale(Voter(10.0, good)).predicts == "shares"
    with pytest.raises(UsageError, match="its score must be the mean"):
        scale(Voter(4.0, good))
    for bad in ([0.5] * 10, [1.0], [-1.0, 2.0] + [0.0] * 8, [float("nan")] * 10):
        with pytest.raises(UsageError, match="ten shares that sum to 1"):
            scale(Voter(10.0, bad))


class Broken(Voter):
    def shares(self, inputs):
        raise KeyError("votes")


def test_shares_that_fail_or_are_no_tensor_are_one_line():
    with pytest.raises(UsageError, match=r"^model Broken: shares fails on a photo"):
        scale(Broken(1.0, [1.0]))
    listed = Voter(10.0, [0.0] * 9 + [1.0])
    listed.votes = [[0.0] * 9 + [1.0]]
    with pytest.raises(UsageError, match="ten shares that sum to 1"):
        scale(listed)


def test_without_a_photo_nothing_is_predicted():
    assert vote_scale(Broken(1.0, [1.0]), {}, None, CPU).predicts == "mean"
