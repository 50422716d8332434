"""Null models, by hand."""

import numpy as np
import pandas as pd
import pytest

from iqbench.evaluation.baselines import null_answers, photo_scores


def facts(names):
    count = len(names)
    numbers = {"width": range(1, count + 1), "height": [2] * count, "file_bytes": range(count, 0, -1)}
    table = pd.DataFrame({"photo": names} | numbers | {"brightness": [1.0] * count, "sharpness": np.arange(count)})
    return table.astype({"width": "Int64", "height": "Int64", "file_bytes": "Int64", "sharpness": float})


PAIRS = pd.DataFrame(
    {
        "first": ["./a", "./b", "./a"],
        "second": ["./b", "./c", "./c"],
        "preference": [0.9, 0.2, 0.3],
        "weight": [1.0, 1.0, 1.0],
        "margin": [np.nan, 1.0, 1.0],
        "status": ["corrupt", "ok", "ok"],
    }
)


def test_margins_about_pairs_follow_from_the_facts():
    found = null_answers(PAIRS, facts(["./a", "./b", "./c"]), seed=0)
    margins = {name: rows["margin"].tolist() for name, rows in found.items()}
    assert margins["always-first"] == [1.0, 1.0, 1.0]
    assert margins["constant answer"] == [-1.0, -1.0, -1.0]  # two of three seconds are better
    assert margins["more pixels"] == [-2.0, -2.0, -4.0]
    assert margins["larger file"] == [1.0, 1.0, 2.0]
    assert margins["brighter"] == [0.0, 0.0, 0.0]
    assert margins["sharper"] == [-1.0, -1.0, -2.0]
    assert all(rows["status"].tolist() == ["corrupt", "ok", "ok"] for rows in found.values())


def test_the_constant_answer_weighs_pairs_and_overlooks_those_without_a_winner():
    rows = PAIRS.assign(weight=[5.0, 1.0, 1.0])
    assert set(null_answers(rows, facts(["./a", "./b", "./c"]), 0)["constant answer"]["margin"]) == {1.0}
    even = PAIRS.assign(preference=[0.5, 0.2, 0.5], weight=[100.0, 1.0, 100.0])
    assert set(null_answers(even, facts(["./a", "./b", "./c"]), 0)["constant answer"]["margin"]) == {-1.0}


def test_chance_depends_on_the_name_and_the_seed_alone():
    some, all_ = photo_scores(facts(["./b"]), 0)["random"], photo_scores(facts(["./a", "./b"]), 0)["random"]
    assert some["./b"] == all_["./b"] != all_["./a"]
    assert photo_scores(facts(["./b"]), 1)["random"]["./b"] != some["./b"]
    many = photo_scores(facts([f"./{at}" for at in range(2000)]), 0)["random"]
    assert many.mean() == pytest.approx(0.5, abs=0.02)


def test_about_votes_they_score_photos_and_predict_no_votes():
    rows = pd.DataFrame({"photo": ["./b", "./a"], "predicted": [9.0, 9.0], "p1": [1.0, 1.0], "p10": [0.0, 0.0]})
    found = null_answers(rows.assign(true=[1.0, 2.0], t1=[1, 1], status="ok"), facts(["./a", "./b"]), seed=0)
    assert found["more pixels"]["predicted"].tolist() == [4.0, 2.0]
    assert found["constant answer"]["predicted"].nunique() == 1
    assert not {"p1", "p10"} & set(found["random"])
    assert "t1" in found["random"]
    assert "always-first" not in found


def test_a_photo_that_could_not_be_read_has_no_score():
    table = facts(["./a", "./b"])
    table.loc[0, ["width", "height", "file_bytes"]] = pd.NA
    assert np.isnan(photo_scores(table, 0)["more pixels"]["./a"])
