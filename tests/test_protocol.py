import math

import numpy as np
import pandas as pd
import pytest

from iqbench.config import build, compose
from iqbench.errors import UsageError
from iqbench.protocol import Protocol, decide

NAN = float("nan")


def protocol(name: str, **changes: object) -> Protocol:
    config = compose("bench", [f"protocol={name}", "name=test", "out=nowhere"])
    config.protocol.update(changes)
    return build(config.protocol, "protocol")


def answers(*pairs: tuple[float, float], scores: list[tuple[float, float]] | None = None) -> pd.DataFrame:
    table = pd.DataFrame(pairs, columns=["forward", "backward"], dtype=float)
    scores = scores or [(NAN, NAN)] * len(pairs)
    return table.assign(score_original=[s[0] for s in scores], score_degraded=[s[1] for s in scores])


def listed(column: pd.Series) -> list[object]:
    return [None if pd.isna(value) else value for value in column]


def test_there_are_three_verdicts_and_a_tie_is_worth_a_half() -> None:
    verdicts = decide(answers((2.0, -2.0), (-1.0, 1.0), (0.0, 0.0)), protocol("standard"))
    assert listed(verdicts["prediction"]) == [1, 0, None]
    assert verdicts["correct"].tolist() == [1.0, 0.0, 0.5]
    assert verdicts["margin"].tolist() == [2.0, -1.0, 0.0]


def test_always_first_is_right_in_exactly_half_of_the_pairs() -> None:
    always = answers(*[(strength, strength) for strength in (0.1, 1.0, 30.0, 1e-3)])
    verdicts = decide(always, protocol("standard"))
    assert verdicts["correct"].tolist() == [0.5] * 4
    assert listed(verdicts["prediction"]) == [None] * 4
    assert listed(verdicts["order_consistent"]) == [False] * 4


def test_always_first_was_right_in_all_pairs_under_the_predecessors_rule() -> None:
    verdicts = decide(answers((1.0, 1.0), (0.1, 0.1)), protocol("legacy"))
    assert verdicts["correct"].tolist() == [1.0, 1.0]
    assert listed(verdicts["prediction"]) == [1, 1]


def test_always_second_is_right_in_exactly_half_of_the_pairs_too() -> None:
    assert decide(answers((-3.0, -3.0)), protocol("standard"))["correct"].tolist() == [0.5]


def test_a_constant_lean_to_one_place_cancels() -> None:
    opinion = np.array([0.5, -0.25, 2.0, 0.0])
    fair = decide(answers(*zip(opinion, -opinion, strict=True)), protocol("standard"))
    leaning = decide(answers(*zip(opinion + 8, -opinion + 8, strict=True)), protocol("standard"))
    pd.testing.assert_frame_equal(
        fair[["margin", "prediction", "correct", "confidence"]],
        leaning[["margin", "prediction", "correct", "confidence"]],
    )
    assert listed(leaning["order_consistent"]) == [False] * 4


def test_a_tie_was_wrong_under_the_predecessors_rule() -> None:
    verdicts = decide(answers((0.0, 0.0)), protocol("legacy"))
    assert (verdicts["correct"].item(), listed(verdicts["prediction"])) == (0.0, [None])


@pytest.mark.parametrize(("size", "verdict"), [(1e-6, None), (1e-5, None), (1.1e-5, 1)])
def test_a_margin_within_the_numerical_noise_is_a_tie(size: float, verdict: int | None) -> None:
    assert listed(decide(answers((size, -size)), protocol("standard"))["prediction"]) == [verdict]


def test_a_wider_tie_margin_makes_more_ties() -> None:
    wide = decide(answers((0.4, -0.4), (0.6, -0.6), (-0.5, 0.5)), protocol("standard", tie_margin=0.5))
    assert listed(wide["prediction"]) == [None, 1, None]


@pytest.mark.parametrize("name", ["standard", "legacy"])
def test_no_answer_is_no_verdict(name: str) -> None:
    verdicts = decide(answers((NAN, NAN), (1.0, -1.0)), protocol(name))
    for column in ("margin", "prediction", "correct", "order_consistent", "confidence", "legacy_confidence"):
        assert pd.isna(verdicts[column][0]), column
        assert not pd.isna(verdicts[column][1]), column


def test_one_order_without_an_answer_is_no_verdict_where_both_are_asked() -> None:
    verdicts = decide(answers((1.0, NAN), (NAN, 1.0)), protocol("standard"))
    assert listed(verdicts["correct"]) == [None, None]
    assert listed(verdicts["order_consistent"]) == [None, None]


def test_the_orders_agree_where_both_name_the_same_photo() -> None:
    pairs = answers((1.0, -3.0), (-1.0, 2.0), (0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, -1.0))
    verdicts = decide(pairs, protocol("standard"))
    assert listed(verdicts["order_consistent"]) == [True, True, True, False, False, False]


def test_the_margin_is_half_the_difference_of_the_two_answers() -> None:
    assert decide(answers((3.0, -1.0), (1.0, 0.5)), protocol("standard"))["margin"].tolist() == [2.0, 0.25]
    assert decide(answers((3.0, -1.0), (1.0, 0.5)), protocol("legacy"))["margin"].tolist() == [3.0, 1.0]


def test_the_confidence_is_the_probability_of_the_verdict() -> None:
    margin = math.log(0.9 / 0.1)
    verdicts = decide(answers((margin, -margin), (-margin, margin), (0.0, 0.0)), protocol("standard"))
    assert verdicts["confidence"].tolist() == pytest.approx([0.9, 0.9, 0.5])


def test_the_predecessors_confidence_is_the_relative_difference_of_scores_or_the_first_answers_probability() -> None:
    margin = math.log(0.8 / 0.2)
    scores = [(5.0, 4.0), (4.0, 5.0), (0.0, 0.0), (-2.0, 1.0), (NAN, NAN)]
    pairs = answers((1, -1), (-1, 1), (0, 0), (-3, 3), (-margin, margin), scores=scores)
    legacy, standard = decide(pairs, protocol("legacy")), decide(pairs, protocol("standard"))
    assert legacy["confidence"].tolist() == pytest.approx([0.2, 0.2, 0.0, 1.5, 0.8])
    assert standard["legacy_confidence"].tolist() == legacy["confidence"].tolist()
    assert standard["confidence"].tolist()[:3] == pytest.approx([1 / (1 + math.exp(-1))] * 2 + [0.5])


def test_the_index_of_the_answers_is_kept() -> None:
    pairs = answers((1.0, -1.0), (2.0, -2.0))
    pairs.index = [7, 3]
    assert decide(pairs, protocol("standard")).index.tolist() == [7, 3]


def test_huge_margins_are_sure_and_nothing_overflows() -> None:
    verdicts = decide(answers((1e4, -1e4), (-1e4, 1e4)), protocol("standard"))
    assert verdicts["confidence"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("orders", "first")]
    + [("tie_worth", value) for value in (1.5, -0.1, NAN)]
    + [("tie_margin", value) for value in (-1.0, NAN)],
)
def test_a_rule_that_makes_no_sense_is_refused_by_its_key(setting: str, value: object) -> None:
    with pytest.raises(UsageError, match=rf"protocol\.{setting}="):
        protocol("standard", **{setting: value})
