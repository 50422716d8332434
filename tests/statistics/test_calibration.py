import numpy as np
import pytest
from scipy.special import expit

from fixtures.verdict_tables import frame, row
from iqbench.statistics.calibration import calibrated, confidence, said_and_found


def answers(photos=400, slope=3.0, unit=1.0, seed=0):
    """Margins of which ``slope`` times the margin, in ``unit``, are the true log-odds that the original is better."""
    random = np.random.default_rng(seed)
    size = np.abs(random.normal(size=photos))
    right = random.random(photos) < expit(slope * size)
    return frame(
        [
            row("a", f"./{i:03}.png", "blur", "1", unit * (s if r else -s))
            for i, (s, r) in enumerate(zip(size, right, strict=True))
        ]
    )


def test_the_probabilities_are_the_true_ones_whatever_unit_the_margins_have():
    for unit in (1.0, 1e-3, 1e4):
        rows = answers(unit=unit)
        np.testing.assert_allclose(calibrated(rows), expit(3.0 * rows["margin"] / unit), atol=0.08)


def test_a_coin_that_is_sure_of_itself_ends_at_a_half():
    random = np.random.default_rng(0)
    rows = frame([row("a", f"./{i:03}.png", "blur", "1", 100 * random.choice([-1, 1])) for i in range(400)])
    np.testing.assert_allclose(calibrated(rows), 0.5, atol=0.1)


def test_no_photo_calibrates_itself():
    rows = answers(40)
    before = calibrated(rows)
    first = rows["original"] == "./000.png"
    turned = rows.assign(margin=rows["margin"].where(~first, -rows["margin"]))
    np.testing.assert_allclose(calibrated(turned)[first], 1 - before[first])
    assert not np.allclose(calibrated(turned)[~first], before[~first], atol=1e-12)


def test_the_order_of_the_rows_changes_nothing():
    rows = answers(60)
    shuffled = rows.sample(frac=1.0, random_state=1)
    assert calibrated(shuffled).tolist() == calibrated(rows)[shuffled.index].tolist()


def test_a_model_without_an_opinion_says_a_half_and_one_photo_says_nothing():
    assert calibrated(frame([row("a", f"./{i}.png", "blur", "1", 0) for i in range(4)])).tolist() == [0.5] * 4
    assert np.isnan(calibrated(frame([row("a", "./0.png", "blur", str(i), 1) for i in range(4)]))).all()


def test_brier_and_ece_are_those_worked_out_by_hand():
    rows = frame([row("a", f"./{i}.png", "blur", "1", 1 if i else -1) for i in range(4)])
    found = confidence(rows, np.array([0.25, 0.75, 0.75, 0.75]))
    assert found["brier"] == pytest.approx((3 * 0.25**2 + 0.75**2) / 4)
    assert found["ece"] == pytest.approx(0.0)  # says 0.75, right 3 times of 4
    assert confidence(rows, np.array([0.05, 0.95, 0.95, 0.95]))["ece"] == pytest.approx(0.2)


def test_auroc_tells_whether_confidence_tells_right_from_wrong():
    rows = frame([row("a", f"./{i}.png", "blur", "1", margin) for i, margin in enumerate([1, 1, -1, -1])])
    assert confidence(rows, np.array([0.9, 0.8, 0.4, 0.3]))["auroc"] == 1.0
    assert confidence(rows, np.array([0.6, 0.6, 0.1, 0.1]))["auroc"] == 0.0
    sure = confidence(rows[:2], np.array([0.9, 0.8]))
    assert (sure["auroc"], sure["auroc_reason"]) == (None, "all verdicts are right, or all wrong")


def test_what_is_unknown_is_null_with_a_reason():
    found = confidence(frame([row("a", "./0.png", "blur", "1", 1)]), np.array([np.nan]))
    assert (found["ece"], found["ece_reason"]) == (None, "calibration needs at least two photos")


def test_a_curve_that_fits_on_the_whole_may_be_wrong_on_each_type():
    rows = frame(
        [row("a", f"./{at}.png", kind, "1", margin) for at in range(4) for kind, margin in (("blur", 1), ("jpeg", -1))]
    )
    told = said_and_found(rows, np.full(len(rows), 0.5), ["blur", "jpeg", "crop_edge"])
    assert told["blur"] == {"said": 0.5, "found": 1.0}
    assert told["jpeg"] == {"said": 0.5, "found": 0.0}
    assert told["crop_edge"]["said"] is None
