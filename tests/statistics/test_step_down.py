import numpy as np
import pytest

from fixtures.slow_statistics import sign_flip_p, step_down_p
from iqbench.statistics.sign_flips import SignFlips
from iqbench.statistics.step_down import critical_value, step_down


def test_corrected_p_values_are_those_of_a_literal_loop():
    random = np.random.default_rng(0)
    for _ in range(4):
        sums = random.integers(-2, 4, size=(7, 5)).astype(float)  # small numbers: there are ties
        alone, corrected = SignFlips(7).test(sums)
        columns = sums.T.tolist()
        assert alone == pytest.approx([sign_flip_p(gaps) for gaps in columns])
        assert corrected == pytest.approx(step_down_p(columns))


def test_the_number_of_tests_that_say_the_same_costs_nothing():
    gaps = np.random.default_rng(1).normal(0.6, 1.0, size=12)
    (alone,), (corrected,) = SignFlips(12).test(gaps[:, None])
    _, of_many = SignFlips(12).test(np.repeat(gaps[:, None], 1000, axis=1))
    assert corrected == alone
    assert set(of_many) == {alone}


def test_a_corrected_p_value_is_at_least_that_of_the_test_alone_and_keeps_the_order():
    sums = np.random.default_rng(2).normal(0.3, 1.0, size=(11, 20))
    alone, corrected = SignFlips(11).test(sums)
    assert (corrected >= alone).all()
    order = np.argsort(alone, kind="stable")
    assert (np.diff(corrected[order]) >= 0).all()


def test_blocks_of_draws_are_counted_together():
    draws = np.random.default_rng(3).random((90, 4))
    whole = step_down(draws[0], lambda: [draws])
    parts = step_down(draws[0], lambda: [draws[:31], draws[31:60], draws[60:]])
    assert [values.tolist() for values in whole] == [values.tolist() for values in parts]


def test_no_more_than_one_draw_in_twenty_lies_above_the_critical_value():
    draws = np.random.default_rng(4).random((200, 3))
    value = critical_value(lambda: [draws])
    assert (draws.max(axis=1) > value).sum() == 10
