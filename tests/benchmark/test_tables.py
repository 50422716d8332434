"""Which pairs count: those with an answer, and those that a model owes one."""

import numpy as np
import pandas as pd
import pytest

from fixtures.verdict_tables import frame, noisy, row, sample_of, standard_suite, summary_of_table
from iqbench.reporting.model_warnings import model_warnings
from iqbench.reporting.takeaways import takeaways
from iqbench.results.model_summary import PairStatistics


def overall(rows: pd.DataFrame, name: str = "a") -> PairStatistics:
    return summary_of_table(rows).models[name].overall


def without_answers(rows: pd.DataFrame, lost: "pd.Series[bool]", status: str) -> pd.DataFrame:
    """Return the rows, of which some have no answer."""
    nothing = {"status": status, "prediction": pd.NA, "correct": np.nan, "margin": np.nan, "confidence": np.nan}
    for column, value in nothing.items():
        rows[column] = rows[column].mask(lost, value)
    return rows


def half_wrong(seed: int) -> np.ndarray:
    """Return the margins of a model that is wrong in 47 % of pairs of 20 photos."""
    return np.random.default_rng(seed).permutation(np.where(np.arange(540) < 254, -1.0, 1.0)).reshape(20, 27)


@pytest.mark.parametrize("status", ["nonfinite", "model_error", "prepare_error"])
def test_a_model_gains_nothing_by_leaving_out_what_it_would_get_wrong_whereas_it_became_perfect(status: str) -> None:
    honest = standard_suite(half_wrong(0))
    wrong = honest["correct"] == 0
    share = float(wrong.mean())
    assert share == 254 / 540
    statistics = overall(without_answers(honest.copy(), wrong, status))
    assert statistics.value == pytest.approx(1 - share / 2)  # right half of the time where it says nothing
    assert (statistics.n, statistics.unanswered, statistics.failed) == (540, wrong.sum(), wrong.sum())
    assert statistics.ties == 0
    assert statistics.interval is not None
    assert statistics.interval[1] < 0.9  # of the answers it was right in all
    by_type = summary_of_table(without_answers(honest.copy(), wrong, status)).models["a"].by_degradation
    for kind, of_type in honest.groupby("degradation_type"):
        assert by_type[str(kind)].value == pytest.approx(0.5 + of_type["correct"].mean() / 2)


def test_a_model_that_refuses_half_is_compared_on_all_pairs_and_not_on_those_it_chose() -> None:
    margins = half_wrong(1)
    refusing, honest = standard_suite(margins, "refusing"), standard_suite(np.abs(margins), "right")
    rows = pd.concat([without_answers(refusing, refusing["correct"] == 0, "nonfinite"), honest])
    (difference,) = summary_of_table(rows).pairwise
    assert (difference.n, difference.better) == (540, "right")  # on the pairs that both answered they are equal


@pytest.mark.parametrize("status", ["decode", "corrupt", "empty", "not_found"])
def test_a_damaged_photo_is_not_counted(status: str) -> None:
    rows = noisy(["a", "b"], 8, seed=0)
    damaged = rows["original"] == "./0.png"
    counted = overall(without_answers(rows.copy(), damaged, status))
    assert counted.value == pytest.approx(rows.loc[~damaged & (rows["model_name"] == "a"), "correct"].mean())
    assert (counted.n, counted.unanswered, counted.failed) == (28, 0, 4)


@pytest.mark.parametrize("status", ["timeout", "process_died"])
def test_a_timeout_counts_only_if_another_model_answered(status: str) -> None:
    rows = noisy(["a", "b"], 8, seed=0)
    first, slow = rows["original"] == "./0.png", rows["model_name"] == "a"
    everybody = summary_of_table(without_answers(rows.copy(), first, status))
    assert [(model.overall.n, model.overall.unanswered) for model in everybody.models.values()] == [(28, 0)] * 2
    alone = summary_of_table(without_answers(rows.copy(), first & slow, status))
    assert (alone.models["a"].overall.n, alone.models["a"].overall.unanswered) == (32, 4)
    assert (alone.models["b"].overall.n, alone.models["b"].overall.unanswered) == (32, 0)
    right = rows.loc[slow & ~first, "correct"].sum()
    assert alone.models["a"].overall.value == pytest.approx((right + 4 * 0.5) / 32)


def test_a_model_without_any_answer_owes_none() -> None:
    rows = noisy(["a", "b"], 6, seed=0)
    summary = summary_of_table(without_answers(rows, rows["model_name"] == "a", "model_error"))
    assert (summary.models["a"].overall.value, summary.models["a"].overall.n) == (None, 0)
    assert summary.models["b"].overall.n == 24


def test_an_answer_that_is_owed_enters_no_calibration_and_no_confidence() -> None:
    rows = frame([row("a", f"./{at}.png", "blur", "1", 1.0, probability=0.8) for at in range(6)])
    sample = sample_of(without_answers(rows, rows["original"] == "./0.png", "nonfinite"))
    tables = sample.of_model("a")
    assert (len(tables.asked), len(tables.judged)) == (6, 5)
    assert tables.asked["correct"].tolist() == [0.5] + [1.0] * 5
    assert set(sample.bootstrap.index) == {f"./{at}.png" for at in range(6)}


def test_of_several_models_that_fail_on_different_pairs_each_is_ranked_on_all_of_them() -> None:
    margins = np.abs(half_wrong(2))
    first, second = (np.arange(540).reshape(20, 27) % 4 == at for at in (0, 1))
    rows = pd.concat(
        [
            without_answers(standard_suite(margins, name), pd.Series(lost.ravel()), status)
            for name, lost, status in (
                ("refuses", first, "nonfinite"),
                ("crashes", second, "process_died"),
                ("right", first & second, "nonfinite"),
            )
        ],
        ignore_index=True,
    )
    summary = summary_of_table(rows)
    found = {name: (model.overall.n, model.overall.unanswered) for name, model in summary.models.items()}
    assert found == {"refuses": (540, 135), "crashes": (540, 135), "right": (540, 0)}
    assert summary.ranking[0].model == "right"
    assert {pair.n for pair in summary.pairwise} == {540}
    for name in ("refuses", "crashes"):
        assert summary.models[name].overall.value == pytest.approx(1 - 135 / 540 / 2)
        assert any("gives no answer in 25.0 % of pairs" in line for line in model_warnings(summary.models[name]))


def test_a_model_that_answers_the_controls_only_has_no_place_and_leaves_the_others_theirs() -> None:
    rows = noisy(["a", "b", "c"], 12, seed=0, lift=1.0)
    rows = without_answers(rows, rows["model_name"] == "a", "model_error")
    controls = frame([row(name, f"./{at}.png", "control", "identity", 0.0) for name in "abc" for at in range(12)])
    summary = summary_of_table(pd.concat([rows, controls], ignore_index=True))
    places = {ranked.model: (ranked.place, ranked.last_place) for ranked in summary.ranking}
    assert places["a"] == (None, None)
    assert {first for name in "bc" for first in places[name]} <= {1, 2}
    assert list(places)[-1] == "a"
    assert "- no place: a" in takeaways(summary)
