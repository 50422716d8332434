"""The gMAD competition of two models across photos."""

import itertools

import numpy as np
import pandas as pd
import pytest

from fixtures.verdict_tables import frame, row, sample_of
from iqbench.benchmark.cross_pairs import ANSWER_COLUMNS
from iqbench.benchmark.gmad import Gmad

PHOTOS = 8
PAIRS = list(itertools.permutations(range(PHOTOS), 2))


def table(names=("a", "b"), scores=None):
    """Return rows of models without scores, or with those that ``scores`` gives by model, photo and side."""
    rows = []
    for name in names:
        for at in range(PHOTOS):
            given = (
                {} if scores is None else dict(zip(("score_original", "score_degraded"), scores(name, at), strict=True))
            )
            rows.append(row(name, f"./{at}.png", "blur", "1", 1.0, 1, **given))
    return frame(rows)


def answers(margins):
    """Return answers of models: a dictionary of margins by pair of photos for each."""
    rows = [
        (name, f"./{original}.png", f"./{photo}.png", "blur/1", margin)
        for name, of_model in margins.items()
        for (original, photo), margin in of_model.items()
    ]
    return pd.DataFrame(rows, columns=ANSWER_COLUMNS)


def informed(seed, scale=1.0):
    """Return margins of a model that is right about most pairs and never unsure."""
    random = np.random.default_rng(seed)
    return {pair: scale * (2.0 if random.random() < 0.9 else -1.0) for pair in PAIRS}


def contests(margins, names=("a", "b")):
    return Gmad(sample_of(table(names), across=answers(margins)))


def listed(pairs):
    return [(pair.defender, pair.original, pair.photo) for pair in pairs]


def test_the_attacker_is_sure_where_the_defender_sees_no_difference():
    a, b = informed(0), informed(1, scale=1000.0)  # the units of the two have nothing in common
    a[0, 1], b[0, 1] = 0.0, 4000.0
    a[2, 3], b[2, 3] = 6.0, 0.0
    a[4, 5], b[4, 5] = 0.0, -3000.0
    pairs = contests({"a": a, "b": b}).pairs("a", "b")
    assert listed(pairs) == [
        ("a", "./0.png", "./1.png"),
        ("a", "./4.png", "./5.png"),
        ("b", "./2.png", "./3.png"),
    ]
    first, second, _ = pairs
    assert first.probability_a == pytest.approx(0.5, abs=0.05)
    assert first.probability_b > 0.95
    assert second.probability_b < 0.05
    assert (first.original_sha256, first.sha256, first.degradation_type, first.level) == (
        "./0.png",
        "./1.png",
        "blur",
        "1",
    )


def test_each_photo_is_listed_once_and_only_the_surest_pairs():
    a, b = informed(0), informed(1)
    for pair, margin in {(0, 1): 9.0, (1, 2): 8.0, (3, 0): 7.0, (3, 4): 6.0, (5, 6): 5.0}.items():
        a[pair], b[pair] = 0.0, margin
    assert listed(contests({"a": a, "b": b}).pairs("a", "b")) == [
        ("a", "./0.png", "./1.png"),
        ("a", "./3.png", "./4.png"),
    ]


def test_a_model_that_knows_nothing_across_photos_does_not_compete():
    random = np.random.default_rng(0)
    coin = dict(zip(PAIRS, np.where(random.random(len(PAIRS)) < 0.4, 1.0, -1.0), strict=True))
    assert contests({"a": informed(0), "b": coin}).pairs("a", "b") == []


def test_pairs_that_one_of_two_did_not_judge_are_no_contest():
    a, b = informed(0), informed(1)
    a[0, 1], b[0, 1] = 0.0, 9.0
    del a[0, 1]
    assert contests({"a": a, "b": b}).pairs("a", "b") == []


def test_models_with_scores_compete_with_each_other_and_with_those_without():
    quality = np.linspace(0, 8, PHOTOS)

    def scores(name, at):
        return (quality[at], quality[at] - 20) if name == "a" else (5.0 + at % 2, 5.0 + at % 2 - 0.01)

    both = Gmad(sample_of(table(scores=scores)))
    assert {pair.defender for pair in both.pairs("a", "b")} <= {"b"}
    mixed = table(("a", "b", "c"), scores=lambda n, at: scores(n, at) if n != "c" else (np.nan, np.nan))
    compared = informed(0)
    compared[0, 1] = 0.0
    three = Gmad(sample_of(mixed, across=answers({"c": compared})))
    assert listed(three.pairs("a", "c")) == [("b", "./0.png", "./1.png")]


def test_among_many_models_nothing_is_listed():
    many = [f"m{at}" for at in range(11)]
    margins = {name: informed(0) for name in many}
    assert contests(margins, many).pairs("m0", "m1") == []
