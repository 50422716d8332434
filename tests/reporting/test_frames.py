import pytest

from fixtures.verdict_tables import summary_of
from iqbench.reporting import frames


def summary():
    return summary_of({"a": {"blur": 0.9, "jpeg": 0.5}, "b": {"blur": 0.6, "jpeg": 0.75}}, baselines=[("random", 0.5)])


def test_the_best_model_comes_first_with_its_interval():
    table = frames.overall(summary())
    assert list(table.index) == ["a", "b"]
    assert table.loc["a", ["accuracy", "macro", "technical"]].tolist() == [70.0, 70.0, 70.0]
    assert table.loc["a", "from"] < 70 < table.loc["a", "to"]
    assert table.loc["a", "corrected"] == 40.0  # twice the accuracy above a coin's: no other baseline chooses here
    assert table.loc["a", ["place", "last_place", "corrected_place", "corrected_last_place"]].tolist() == [1, 2, 1, 2]


def test_baselines_stand_below_the_models():
    table = frames.by_degradation(summary())
    assert table.loc["a"].to_dict() == {"jpeg": 50.0, "blur": 90.0}
    assert table.loc["baseline: random"].tolist() == [50.0, 50.0]


def test_the_leaderboard_has_a_row_per_model_and_no_baseline():
    table = frames.ranking(summary())
    assert list(table.index) == ["a", "b"]
    assert table[["jpeg", "blur"]].to_numpy().tolist() == [[50.0, 90.0], [75.0, 60.0]]
    assert table.loc["a", "corrected_from"] < 40 < table.loc["a", "corrected_to"]
    assert table["photos"].tolist() == [40, 40]


def test_margins_and_mistakes_have_a_column_or_a_row_per_model():
    table = frames.margins(summary())
    assert table.loc[("blur", 1, "1")].round(6).to_dict() == {"a": 0.8, "b": 0.2}
    assert frames.mistakes(summary()).loc["b"].to_dict() == {"jpeg": 25.0, "blur": 40.0}
    worst = frames.worst(summary())
    assert worst.groupby(["model", "type"]).size().tolist() == [4, 4, 4, 4]
    assert worst.iloc[0][["model", "photo", "margin", "wrong_too"]].tolist() == ["a", "./36.png", -1.0, ["b"]]


def test_agreement_adds_up():
    (row,) = frames.agreement(summary()).to_dict("records")
    assert row["both right"] + row["only the first"] + row["only the second"] + row["neither"] == pytest.approx(100)
    assert row["at least one right"] == pytest.approx(100 - row["neither"])
    assert frames.agreement(summary_of({"a": {"blur": 1.0}})).empty


def test_visibility_has_a_row_per_model_and_type():
    assert list(frames.visibility(summary()).index) == [(m, k) for m in "ab" for k in ("blur", "jpeg")]
