import numpy as np
import pytest

from iqbench.statistics.step_down import critical_value, step_down


def literal(observed, draws):
    """Return step-down max-T p-values as the book states them: one test after the other, the largest first."""
    order, p, highest = np.argsort(-observed, kind="stable"), np.zeros(len(observed)), 0.0
    for rank, at in enumerate(order):
        remaining = draws[:, order[rank:]].max(axis=1)
        highest = max(highest, float((remaining >= observed[at] - 1e-9).mean()))
        p[at] = highest
    return p


@pytest.mark.parametrize("block", [1, 7, 200])
def test_the_correction_is_that_of_the_book_however_the_draws_are_divided(block):
    random = np.random.default_rng(0)
    for tests in (1, 2, 9):
        draws = np.abs(random.normal(size=(200, tests))).round(1)  # rounded: there are ties
        draws[0] += random.integers(0, 3, tests)
        blocks = [draws[start : start + block] for start in range(0, 200, block)]
        alone, corrected = step_down(draws[0], lambda blocks=blocks: blocks)
        assert corrected == pytest.approx(literal(draws[0], draws))
        assert alone == pytest.approx((draws >= draws[0] - 1e-9).mean(axis=0))
        assert (corrected >= alone).all()


def test_equal_tests_cost_nothing_and_p_is_not_multiplied():
    draws = np.repeat(np.arange(100.0)[::-1, None], 40, axis=1)
    alone, corrected = step_down(draws[0], lambda: [draws])
    assert alone.tolist() == corrected.tolist() == [0.01] * 40


def test_five_percent_of_the_largest_exceed_the_critical_value():
    draws = np.random.default_rng(1).normal(size=(1000, 5))
    critical = critical_value(lambda: [draws[:300], draws[300:]])
    assert (draws.max(axis=1) > critical).sum() == 50
