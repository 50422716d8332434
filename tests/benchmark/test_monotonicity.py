import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau
from sklearn.isotonic import IsotonicRegression

from fixtures.verdict_tables import frame, row
from iqbench.benchmark.monotonicity import crossing, monotone, ranking_consistency, thresholds
from iqbench.statistics.bootstrap import Bootstrap


def boot(rows, resamples=50):
    return Bootstrap(sorted(rows["original"].unique()), 0, resamples)


def ladder(margins, photo="./0.png", kind="blur"):
    """The margins of the original over each level of one ladder, mildest first."""
    return [row("a", photo, kind, str(at), margin, severity=at) for at, margin in enumerate(margins, start=1)]


def tau_of(rows):
    return ranking_consistency(rows, rows[:0], ["blur"], boot(rows), tie_margin=1e-5)["blur"]["tau"]


@pytest.mark.parametrize("margins", [[1, 2, 3], [3, 2, 1], [-1, 2, 2], [1, 1, 1], [0, 0, 5], [-3, -2, 4]])
def test_the_l_test_is_kendalls_tau_with_the_original_as_the_first_level(margins):
    rows = frame(ladder(margins))
    expected = kendalltau(range(len(margins) + 1), [0, *margins]).statistic
    assert tau_of(rows)["value"] == pytest.approx(expected)


def test_it_is_a_mean_over_photos_and_those_without_any_opinion_are_counted_apart():
    rows = frame(ladder([1, 2, 3]) + ladder([3, 2, 1], "./1.png") + ladder([0, 0, 0], "./2.png"))
    found = ranking_consistency(rows, rows[:0], ["blur"], boot(rows), tie_margin=1e-5)["blur"]
    assert found["tau"]["value"] == pytest.approx((1 + kendalltau(range(4), [0, 3, 2, 1]).statistic) / 2)
    assert (found["ladders"], found["without_opinion"]) == (3, 1)


def test_a_model_without_any_opinion_has_no_tau_and_a_reason():
    found = tau_of(frame(ladder([0, 0])))
    assert (found["value"], found["interval"]) == (None, None)
    assert found["value_reason"] == "the model has no opinion about any ladder"


def test_a_ladder_that_lacks_a_level_on_a_photo_says_nothing_there():
    rows = frame(ladder([1, 2]) + ladder([2], "./1.png"))
    assert tau_of(rows)["value"] == 1.0


def test_margins_that_differ_by_noise_are_equal():
    assert tau_of(frame(ladder([1.0, 1.0 + 1e-7])))["value"] == pytest.approx(
        kendalltau([0, 1, 2], [0, 1, 1]).statistic
    )


def test_violations_are_neighbours_of_which_the_harsher_one_is_preferred():
    rows = frame(ladder([1, 2, 3]))
    steps = frame([row("a", f"./{at}.png", "blur", "2", margin) for at, margin in enumerate([1, 1, -1, 0])])
    found = ranking_consistency(rows, steps, ["blur"], boot(pd.concat([rows, steps])), tie_margin=1e-5)
    assert found["blur"]["violations"]["value"] == pytest.approx((0 + 0 + 1 + 0.5) / 4)


def test_the_monotone_curve_is_scikit_learns():
    accuracy = np.random.default_rng(0).random((40, 5))
    expected = [IsotonicRegression().fit_transform(range(5), values) for values in accuracy]
    np.testing.assert_allclose(monotone(accuracy), expected)


def test_a_threshold_lies_on_the_straight_line_between_the_levels_around_it():
    assert crossing(np.array([[0.5, 0.6, 0.9]]), np.array([80.0, 40.0, 20.0])).tolist() == [30.0]
    assert crossing(np.array([[0.8]]), np.array([2.0])).tolist() == [2.0]
    assert crossing(np.array([[0.7]]), np.array([2.0])).tolist() == [np.inf]


def noticed(shares, photos=40, amounts=None):
    """A ladder of which level i is noticed on that share of the photos."""
    rows = []
    for at in range(photos):
        margins = [1.0 if (at + 0.5) / photos < share else -1.0 for share in shares]
        rows += ladder(margins, f"./{at}.png")
    rows = frame(rows)
    return rows if amounts is None else rows.assign(amount=rows["severity"].map(dict(enumerate(amounts, start=1))))


def test_jpeg_is_noticed_from_the_quality_at_which_the_curve_crosses_three_quarters():
    rows = noticed([0.5, 0.7, 0.8, 1.0], amounts=[80, 60, 40, 20])
    found = thresholds(rows, boot(rows, 400))["blur"]
    assert found["amount"] == pytest.approx(50.0)
    mild, harsh = found["interval"]
    assert mild > 50 > harsh
    assert found["at_most"] is False


def test_a_mildest_level_that_is_noticed_is_only_a_bound():
    rows = noticed([0.9, 1.0])
    found = thresholds(rows, boot(rows))["blur"]
    assert (found["amount"], found["at_most"]) == (1.0, True)


def test_what_is_never_noticed_has_no_threshold_and_an_interval_without_an_end():
    rows = noticed([0.5, 0.7])
    found = thresholds(rows, boot(rows, 400))["blur"]
    assert found["amount"] is None
    assert found["amount_reason"] == "75 % is not reached at 2"
    assert found["interval"][1] is None
    unmeasured = noticed([0.5, 0.9]).assign(amount=np.nan)
    assert thresholds(unmeasured, boot(unmeasured))["blur"]["amount_reason"] == "its levels have no measure"
