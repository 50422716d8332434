import numpy as np
import pandas as pd

from iqbench.benchmark.baselines import null_margins


def cells(photos=40):
    kinds = [("blur", "1.0", 100), ("crop_edge", "right_20pct", 80), ("user_zoom", "2x", 400)]
    return pd.DataFrame(
        [
            {"original": f"./{at}.png", "degradation_type": kind, "ladder": kind, "degradation_level": level}
            | {"original_pixels": 100, "variant_pixels": pixels}
            | {
                f"{side}_{fact}": 1.0
                for side in ("original", "variant")
                for fact in ("bytes", "brightness", "sharpness")
            }
            for at in range(photos)
            for kind, level, pixels in kinds
        ]
    )


def test_always_first_says_nothing_once_both_orders_are_asked():
    forward, backward = null_margins(cells(), seed=0)["always-first"]
    assert (forward > 0).all()  # 100 % for a protocol that only asks original-first
    assert ((forward - backward) / 2 == 0).all()


def test_more_pixels_prefers_the_larger_picture_and_ties_on_equal_ones():
    forward, backward = null_margins(cells(1), seed=0)["more pixels"]
    assert forward.tolist() == [0.0, 1.0, -1.0]
    assert backward.tolist() == [0.0, -1.0, 1.0]


def test_more_pixels_knows_nothing_of_a_picture_that_was_not_read():
    rows = cells(1).astype({"variant_pixels": "Int64"})
    rows.loc[0, "variant_pixels"] = pd.NA
    assert np.isnan(null_margins(rows, seed=0)["more pixels"][0][0])


def test_the_coin_is_fair_and_the_same_for_a_pair_in_both_orders():
    forward, backward = null_margins(cells(2000), seed=0)["random"]
    assert (forward == -backward).all()
    assert set(forward) == {-1.0, 1.0}
    assert abs(forward.mean()) < 4 / np.sqrt(len(forward))


def test_a_coin_depends_on_its_photo_and_variant_but_not_on_its_neighbours():
    rows = cells()
    forward = null_margins(rows, seed=0)["random"][0]
    assert (null_margins(rows[::-1], seed=0)["random"][0] == forward[::-1]).all()
    assert (null_margins(rows[7:9], seed=0)["random"][0] == forward[7:9]).all()
    assert (null_margins(rows, seed=1)["random"][0] != forward).any()


def test_no_rows_give_no_margins():
    assert all(len(forward) == len(backward) == 0 for forward, backward in null_margins(cells()[:0], seed=0).values())
