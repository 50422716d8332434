"""Baselines by hand: on a photo and its copy, on pairs and on votes."""

import numpy as np
import pandas as pd
import pytest

from iqbench.baselines import (
    STATISTICS,
    baseline_answers,
    baseline_scores,
    best_baseline,
    copy_margins,
)
from iqbench.inference.image_statistics import ImageStatistics


def copies(photos=40):
    kinds = [("blur", "1.0", 100), ("crop_edge", "right_20pct", 80), ("user_zoom", "2x", 400)]
    return pd.DataFrame(
        [
            {"original": f"./{at}.png", "degradation_type": kind, "ladder": kind, "degradation_level": level}
            | {"original_pixels": 100, "variant_pixels": pixels}
            | {
                f"{side}_{statistic}": 1.0
                for side in ("original", "variant")
                for statistic in ("encoded_bytes", "brightness", "sharpness")
            }
            for at in range(photos)
            for kind, level, pixels in kinds
        ]
    )


def test_always_first_says_nothing_once_both_orders_are_asked():
    forward, backward = copy_margins(copies(), seed=0)["always-first"]
    assert (forward > 0).all()  # 100 % for a protocol that only asks original-first
    assert ((forward - backward) / 2 == 0).all()


def test_more_pixels_prefers_the_larger_picture_and_ties_on_equal_ones():
    forward, backward = copy_margins(copies(1), seed=0)["more pixels"]
    assert forward.tolist() == [0.0, 1.0, -1.0]
    assert backward.tolist() == [0.0, -1.0, 1.0]


def test_more_pixels_knows_nothing_of_a_picture_that_was_not_read():
    rows = copies(1).astype({"variant_pixels": "Int64"})
    rows.loc[0, "variant_pixels"] = pd.NA
    assert np.isnan(copy_margins(rows, seed=0)["more pixels"][0][0])


def test_the_coin_is_fair_and_the_same_for_a_pair_in_both_orders():
    forward, backward = copy_margins(copies(2000), seed=0)["random"]
    assert (forward == -backward).all()
    assert set(forward) == {-1.0, 1.0}
    assert abs(forward.mean()) < 4 / np.sqrt(len(forward))


def test_a_coin_depends_on_its_photo_and_variant_but_not_on_its_neighbours():
    rows = copies()
    forward = copy_margins(rows, seed=0)["random"][0]
    assert (copy_margins(rows[::-1], seed=0)["random"][0] == forward[::-1]).all()
    assert (copy_margins(rows[7:9], seed=0)["random"][0] == forward[7:9]).all()
    assert (copy_margins(rows, seed=1)["random"][0] != forward).any()


def test_no_rows_give_no_margins():
    assert all(len(forward) == len(backward) == 0 for forward, backward in copy_margins(copies()[:0], seed=0).values())


def test_the_best_baseline_has_the_highest_value_and_random_is_no_candidate():
    assert best_baseline({"random": 0.9, "brighter": 0.6, "sharper": 0.7, "always-first": 0.5}) == "sharper"
    assert best_baseline({"more pixels": 0.7, "sharper": 0.7}) == "more pixels"  # the first of equal ones
    assert best_baseline({"random": 0.9, "sharper": None}) is None


def test_every_statistic_of_a_baseline_is_one_of_the_image_or_the_size_of_its_file():
    fields = set(ImageStatistics.__dataclass_fields__)
    assert {baseline.statistic for baseline in STATISTICS if not baseline.needs_file} <= fields
    assert {baseline.statistic for baseline in STATISTICS if baseline.needs_file} == {"file_bytes"}


def photo_table(names):
    count = len(names)
    numbers = {"pixels": range(2, 2 * count + 1, 2), "encoded_bytes": range(count, 0, -1), "file_bytes": 7}
    table = pd.DataFrame({"photo": names} | numbers | {"brightness": [1.0] * count, "sharpness": np.arange(count)})
    return table.astype({"pixels": "Int64", "encoded_bytes": "Int64", "file_bytes": "Int64", "sharpness": float})


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


def test_margins_about_pairs_follow_from_the_photo_table():
    answers = baseline_answers(PAIRS, photo_table(["./a", "./b", "./c"]), seed=0)
    margins = {name: rows["margin"].tolist() for name, rows in answers.items()}
    assert margins["always-first"] == [1.0, 1.0, 1.0]
    assert margins["constant answer"] == [-1.0, -1.0, -1.0]  # two of three seconds are better
    assert margins["more pixels"] == [-2.0, -2.0, -4.0]
    assert margins["larger file"] == [1.0, 1.0, 2.0]
    assert margins["larger file on disk"] == [0.0, 0.0, 0.0]
    assert margins["brighter"] == [0.0, 0.0, 0.0]
    assert margins["sharper"] == [-1.0, -1.0, -2.0]
    assert all(rows["status"].tolist() == ["corrupt", "ok", "ok"] for rows in answers.values())


def test_the_constant_answer_weighs_pairs_and_overlooks_those_without_a_winner():
    rows = PAIRS.assign(weight=[5.0, 1.0, 1.0])
    assert set(baseline_answers(rows, photo_table(["./a", "./b", "./c"]), 0)["constant answer"]["margin"]) == {1.0}
    even = PAIRS.assign(preference=[0.5, 0.2, 0.5], weight=[100.0, 1.0, 100.0])
    assert set(baseline_answers(even, photo_table(["./a", "./b", "./c"]), 0)["constant answer"]["margin"]) == {-1.0}


def test_chance_depends_on_the_name_and_the_seed_alone():
    some, all_ = (
        baseline_scores(photo_table(["./b"]), 0)["random"],
        baseline_scores(photo_table(["./a", "./b"]), 0)["random"],
    )
    assert some["./b"] == all_["./b"] != all_["./a"]
    assert baseline_scores(photo_table(["./b"]), 1)["random"]["./b"] != some["./b"]
    many = baseline_scores(photo_table([f"./{at}" for at in range(2000)]), 0)["random"]
    assert many.mean() == pytest.approx(0.5, abs=0.02)


def test_about_votes_they_score_photos_and_predict_no_votes():
    rows = pd.DataFrame({"photo": ["./b", "./a"], "predicted": [9.0, 9.0], "p1": [1.0, 1.0], "p10": [0.0, 0.0]})
    answers = baseline_answers(
        rows.assign(true=[1.0, 2.0], t1=[1, 1], status="ok"), photo_table(["./a", "./b"]), seed=0
    )
    assert answers["more pixels"]["predicted"].tolist() == [4.0, 2.0]
    assert answers["constant answer"]["predicted"].nunique() == 1
    assert not {"p1", "p10"} & set(answers["random"])
    assert "t1" in answers["random"]
    assert "always-first" not in answers


def test_a_photo_that_could_not_be_read_has_no_score():
    table = photo_table(["./a", "./b"])
    table.loc[0, ["pixels", "encoded_bytes", "file_bytes"]] = pd.NA
    assert np.isnan(baseline_scores(table, 0)["more pixels"]["./a"])
