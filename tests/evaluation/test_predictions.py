"""From encodings to rows: a row for every label, whatever became of its photos."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from fixtures.error_texts import without_place
from iqbench.evaluation import predictions
from iqbench.evaluation.encoded_model import EncodedModel
from iqbench.inference.encoding import Encodings
from iqbench.interfaces import PhotoFile, Scorer
from iqbench.labels import PairTable, VoteTable
from iqbench.protocol import Protocol

CPU = torch.device("cpu")
TIE_MARGIN = 1e-5
STANDARD = Protocol("standard", "both", 0.5, TIE_MARGIN)


def pair_predictions(model, table, encodings, protocol=STANDARD):
    return predictions.pair_predictions(EncodedModel(model, encodings, CPU, protocol), table)


def vote_predictions(model, table, encodings, shares=None, anchors=9, seed=0):
    return predictions.vote_predictions(EncodedModel(model, encodings, CPU, STANDARD), table, shares, anchors, seed)


class Values(Scorer):
    """Its score is the encoding itself."""

    def prepare(self, photo):
        raise AssertionError

    def encode(self, inputs):
        raise AssertionError


class Comparing:
    """Compares without a score, and leans to the first place."""

    lean = 0.0

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        return first[:, 0] - second[:, 0] + self.lean


class Leaning(Comparing):
    lean = 100.0


class Lost(Comparing):
    lean = float("nan")


class Choosy(Comparing):
    """Cannot compare what is encoded as 3."""

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        if 3 in first or 3 in second:
            raise RuntimeError("no opinion")
        return super().margin(first, second)


def files(names):
    return tuple(PhotoFile(f"./{name}.jpg", Path(f"{name}.jpg")) for name in names)


def encodings(values, failed=()):
    """Photos a, b, c, ... encoded as those numbers."""
    names = [chr(ord("a") + at) for at in range(len(values))]
    rows = [
        {"photo": f"./{name}.jpg", "status": "corrupt" if name in failed else "ok", "error": "no" * (name in failed)}
        for name in names
    ]
    return Encodings(pd.DataFrame(rows), torch.tensor(values, dtype=torch.float64)[:, None])


def pairs(names, rows):
    """Rows of first, second and preference, by name."""
    index = {name: at for at, name in enumerate(names)}
    first, second, preference = zip(*rows, strict=True)
    columns = (np.array([index[name] for name in side]) for side in (first, second))
    return PairTable(files(names), *columns, np.array(preference), np.ones(len(rows)), np.arange(len(rows)))


def votes(means):
    names = [chr(ord("a") + at) for at in range(len(means))]
    return VoteTable(files(names), np.eye(10, dtype=int)[np.array(means) - 1] * 7)


def test_rows_are_those_of_the_labels_in_their_order_and_name_the_photos():
    table = pairs("ba", [("b", "a", 0.9), ("a", "b", 0.9), ("a", "b", 0.5)])
    rows = pair_predictions(Values(), table, encodings([1.0, 3.0]))
    assert rows["first"].tolist() == ["./b.jpg", "./a.jpg", "./a.jpg"]
    assert rows["margin"].tolist() == [2.0, -2.0, -2.0]
    assert rows["correct"].tolist()[:2] == [1.0, 0.0]
    assert np.isnan(rows["correct"][2])
    assert rows["score_first"].tolist() == [3.0, 1.0, 1.0]
    assert rows["score_second"].tolist() == [1.0, 3.0, 3.0]
    assert rows["status"].tolist() == ["ok"] * 3
    assert rows["error"].tolist() == [""] * 3


def test_a_photo_that_failed_costs_its_own_pairs_which_name_it():
    table = pairs("abc", [("a", "b", 0.9), ("b", "c", 0.9), ("c", "a", 0.9)])
    rows = pair_predictions(Values(), table, encodings([1.0, 2.0, 3.0], failed="b"))
    assert rows["status"].tolist() == ["corrupt", "corrupt", "ok"]
    assert rows["error"].tolist() == ["./b.jpg: no", "./b.jpg: no", ""]
    assert rows["margin"].isna().tolist() == [True, True, False]
    assert rows["order_consistent"].isna().tolist() == [True, True, False]
    assert rows["score_first"].tolist()[0] == 1.0
    assert np.isnan(rows["score_second"][0])


def test_leaning_to_the_first_place_changes_no_margin_and_is_seen():
    table = pairs("ab", [("a", "b", 0.9), ("b", "a", 0.9)])
    fair, leaning = (pair_predictions(m, table, encodings([1.0, 3.0])) for m in (Comparing(), Leaning()))
    assert leaning["margin"].tolist() == fair["margin"].tolist() == [-2.0, 2.0]
    assert fair["order_consistent"].tolist() == [True, True]
    assert leaning["order_consistent"].tolist() == [False, False]
    assert leaning[["score_first", "score_second"]].isna().all(axis=None)


def test_a_margin_no_larger_than_noise_is_a_tie():
    table = pairs("abc", [("a", "b", 0.9), ("a", "c", 0.9)])
    rows = pair_predictions(Values(), table, encodings([1.0, 1.0 + TIE_MARGIN / 2, 1.0 - 2 * TIE_MARGIN]))
    assert rows["margin"][0] == 0.0
    assert rows["margin"][1] > 0
    assert rows["correct"].tolist() == [0.5, 1.0]


def test_an_answer_that_is_no_number_is_nonfinite():
    rows = pair_predictions(Lost(), pairs("ab", [("a", "b", 0.9)]), encodings([1.0, 3.0]))
    assert rows["status"].tolist() == ["nonfinite"]
    assert rows["error"].str.contains("NaN").all()
    assert rows["order_consistent"].isna().all()
    predicted = vote_predictions(Lost(), votes([3, 4]), encodings([1.0, 2.0]))
    assert predicted["status"].tolist() == ["nonfinite"] * 2


def test_a_scorer_predicts_its_score_and_true_is_the_mean_vote():
    rows = vote_predictions(Values(), votes([3, 9]), encodings([0.5, -0.5]))
    assert rows["predicted"].tolist() == [0.5, -0.5]
    assert rows["true"].tolist() == [3.0, 9.0]
    assert rows[["t3", "t9"]].to_numpy().tolist() == [[7, 0], [0, 7]]
    assert "p1" not in rows


@pytest.mark.parametrize("model", [Comparing(), Leaning()])
def test_a_judge_that_compares_predicts_the_mean_probability_of_beating_the_other_photos(model):
    rows = vote_predictions(model, votes([3, 9, 5]), encodings([0.0, 2.0, 1.0]))
    chance = 1 / (1 + np.exp(-np.array([1.0, 2.0])))
    expected = [np.mean(1 - chance), np.mean(chance), 0.5]
    assert rows["predicted"].tolist() == pytest.approx(expected)


def test_anchors_are_so_many_at_most_and_none_of_them_failed():
    values = np.arange(20.0)
    table = votes([1 + at // 2 for at in range(20)])
    few = vote_predictions(Comparing(), table, encodings(values), anchors=2, seed=0)
    repeat = vote_predictions(Comparing(), table, encodings(values), anchors=2, seed=0)
    other = vote_predictions(Comparing(), table, encodings(values), anchors=2, seed=1)
    assert few.equals(repeat)
    assert not few["predicted"].equals(other["predicted"])
    assert few["predicted"].notna().all()
    rows = vote_predictions(Comparing(), votes([1, 2]), encodings([1.0, 2.0], failed="b"))
    assert rows["status"].tolist() == ["nonfinite", "corrupt"]
    assert "no other photo" in rows["error"][0]


def test_predicted_votes_stand_beside_the_true_ones_and_are_empty_where_the_photo_failed():
    shares = torch.eye(10)[[4, 5]]
    rows = vote_predictions(Values(), votes([3, 9]), encodings([5.0, 6.0], failed="b"), shares)
    assert rows["p5"].tolist()[0] == 1.0
    assert rows.loc[1, "p1":"p10"].isna().all()
    assert rows["status"].tolist() == ["ok", "corrupt"]


def test_a_pair_that_the_model_fails_on_has_a_row_that_says_so_and_costs_no_other():
    table = pairs("abc", [("a", "b", 1.0), ("a", "c", 1.0), ("b", "c", 1.0), ("b", "a", 0.0)])
    rows = pair_predictions(Choosy(), table, encodings([1.0, 2.0, 3.0]))
    assert rows["status"].tolist() == ["ok", "model_error", "model_error", "ok"]
    assert rows["error"].map(without_place).tolist() == ["", *["RuntimeError: no opinion"] * 2, ""]
    assert rows["margin"].tolist()[::3] == [-1.0, 1.0]
    assert rows["margin"][1:3].isna().all()
    assert rows["order_consistent"][1:3].isna().all()


def test_a_photo_that_the_model_cannot_compare_with_its_anchors_has_a_row_that_says_so():
    rows = vote_predictions(Choosy(), votes([1, 5, 9]), encodings([1.0, 3.0, 2.0]), anchors=3, seed=0)
    assert rows["status"].tolist() == ["model_error"] * 3  # all of them meet the one that cannot be compared
    assert rows["error"].map(without_place).unique().tolist() == ["RuntimeError: no opinion"]
    assert rows["predicted"].isna().all()
    alone = vote_predictions(Choosy(), votes([1, 5]), encodings([1.0, 2.0]), anchors=2, seed=0)
    assert alone["status"].tolist() == ["ok", "ok"]


def test_the_protocol_decides_which_orders_count_and_what_a_tie_is_worth():
    table = pairs("ab", [("a", "b", 0.9), ("b", "a", 0.9)])
    legacy = Protocol("legacy", "original_first", 0.0, 0.0)
    rows = pair_predictions(Leaning(), table, encodings([1.0, 3.0]), legacy)
    assert rows["margin"].tolist() == [98.0, 102.0]
    assert rows["correct"].tolist() == [1.0, 1.0]
    wide = Protocol("wide", "both", 0.25, 2.0)
    rows = pair_predictions(Values(), table, encodings([1.0, 3.0]), wide)
    assert rows["margin"].tolist() == [0.0, 0.0]
    assert rows["correct"].tolist() == [0.25, 0.25]
