import math
from decimal import ROUND_HALF_EVEN, Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest

from iqbench.degradations.exposure import expose, exposure_ladders

EVERY_VALUE = np.arange(256, dtype=np.uint8).reshape(16, 16)[..., None].repeat(3, axis=2)
STOPS = [-2.0, -1.0, 1.0, 2.0, -0.5, 0.5]


def values(stops: float, light: str) -> list[int]:
    exposed = expose(EVERY_VALUE, stops, light)
    assert np.array_equal(exposed[..., 0], exposed[..., 1])
    assert np.array_equal(exposed[..., 0], exposed[..., 2])
    return exposed[..., 0].ravel().tolist()


@pytest.mark.parametrize("stops", [-3, -2, -1, 1, 2, 3])
def test_encoded_light_is_exact_multiplication_rounded_half_to_even_and_clipped(stops: int) -> None:
    exact = [min(255, round(Fraction(value) * Fraction(2) ** stops)) for value in range(256)]
    assert values(float(stops), "encoded") == exact


def test_halves_go_to_the_even_neighbour() -> None:
    assert values(-1.0, "encoded")[1:8:2] == [0, 2, 2, 4]  # 0.5, 1.5, 2.5, 3.5


def in_linear_light(value: int, stops: float) -> int:
    """The sRGB transfer function with 40 digits."""
    getcontext().prec = 40
    share = Decimal(value) / 255
    light = (
        share / Decimal("12.92")
        if share <= Decimal("0.04045")
        else ((share + Decimal("0.055")) / Decimal("1.055")) ** Decimal("2.4")
    )
    light = min(Decimal(1), light * Decimal(2) ** Decimal(stops))
    if light <= Decimal("0.0031308"):
        encoded = light * Decimal("12.92")
    else:
        encoded = Decimal("1.055") * light ** (1 / Decimal("2.4")) - Decimal("0.055")
    return int(round(255 * encoded, 30).quantize(Decimal(1), ROUND_HALF_EVEN))  # 30: a half is exactly a half again


@pytest.mark.parametrize("stops", STOPS)
def test_linear_light_is_the_srgb_curve_worked_out_with_40_digits(stops: float) -> None:
    assert values(stops, "linear") == [in_linear_light(value, stops) for value in range(256)]


@pytest.mark.parametrize("light", ["encoded", "linear"])
def test_no_stops_change_nothing(light: str) -> None:
    assert values(0.0, light) == list(range(256))


def test_doubling_encoded_values_is_about_two_real_stops() -> None:
    assert values(1.0, "encoded")[60] == 120
    assert values(2.0, "linear")[60] == pytest.approx(120, abs=3)


@pytest.mark.parametrize("light", ["encoded", "linear"])
@pytest.mark.parametrize("stops", STOPS)
def test_exposure_never_reverses_two_values(stops: float, light: str) -> None:
    curve = values(stops, light)
    assert curve == sorted(curve)
    assert all((after >= before) if stops > 0 else (after <= before) for before, after in enumerate(curve))


@pytest.mark.parametrize("stops", [math.nan, math.inf, -math.inf])
def test_stops_that_are_no_number_are_refused(stops: float) -> None:
    with pytest.raises(ValueError, match="stops must be a finite number"):
        expose(EVERY_VALUE, stops)
    with pytest.raises(ValueError, match="stops must be finite numbers"):
        exposure_ladders([1, stops], "linear")


def test_zero_stops_are_no_level() -> None:
    with pytest.raises(ValueError, match="stops must be finite numbers other than 0"):
        exposure_ladders([-1, 0], "encoded")


def test_a_light_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="light must be encoded or linear, not 'gamma'"):
        exposure_ladders([1], "gamma")


def test_each_direction_is_a_ladder_of_its_own_and_further_from_zero_is_worse() -> None:
    ladders = exposure_ladders([2, -0.5, 1, -3], "linear").ladders
    assert {ladder.name: [level.name for level in ladder.levels] for ladder in ladders} == {
        "darker": ["-0.5", "-3"],
        "brighter": ["1", "2"],
    }


def test_a_direction_without_levels_has_no_ladder() -> None:
    assert [ladder.name for ladder in exposure_ladders([1], "linear").ladders] == ["brighter"]
