"""Posterization, colour cast, loss of colour and over-sharpening, against values by hand or by scikit-image."""

import math

import numpy as np
import pytest
from skimage.color import rgb2lab
from skimage.color.colorconv import xyz_from_rgb

from fixtures.photos import noisy_gradient
from iqbench.degradations.color_cast import LUMINANCE, color_cast, color_cast_ladders, gains
from iqbench.degradations.desaturate import desaturate, desaturate_ladder
from iqbench.degradations.light import linear
from iqbench.degradations.oversharpen import oversharpen, oversharpen_ladder
from iqbench.degradations.posterize import posterize, posterize_ladder

RAMP = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, axis=2)


@pytest.mark.parametrize("tones", [2, 5, 24, 255])
def test_posterization_leaves_so_many_tones_and_none_further_than_half_a_step(tones: int) -> None:
    poster = posterize(RAMP, tones)[0, :, 0].astype(int)
    assert len(set(poster)) == tones
    assert (poster[0], poster[-1]) == (0, 255)
    assert np.abs(poster - np.arange(256)).max() <= 255 / (tones - 1) / 2 + 0.5
    assert sorted(poster) == poster.tolist()


@pytest.mark.parametrize("tones", [1, 256, 8.5, "4"])
def test_tones_that_cannot_be_are_refused(tones: int) -> None:
    with pytest.raises(ValueError, match="tones must be whole numbers from 2 to 255"):
        posterize_ladder([8, tones])


@pytest.mark.parametrize("tone", ["warm", "cool"])
@pytest.mark.parametrize("mired", [15, 60, 150])
def test_a_cast_multiplies_linear_light_and_keeps_the_luminance_of_grey(tone, mired) -> None:
    grey = np.full((2, 2, 3), 100, np.uint8)
    factors = gains(tone, mired)
    light = linear(color_cast(grey, tone, mired))[0, 0] / linear(grey)[0, 0]
    assert light == pytest.approx(factors, rel=0.03)  # 8-bit steps
    assert factors @ LUMINANCE == pytest.approx(1)
    assert (factors[0] > 1 > factors[2]) == (tone == "warm")


def test_warm_light_is_the_colour_of_a_black_body() -> None:
    # CIE illuminant A is a black body of 2856 K, 350.1 mired; one of 6504 K is 153.75 mired. Their x, y are tabulated.
    def light(x: float, y: float) -> np.ndarray:
        return np.linalg.inv(xyz_from_rgb) @ [x / y, 1, (1 - x - y) / y]

    expected = light(0.44757, 0.40745) / light(0.3135, 0.3236)
    warm = gains("warm", 350.1 - 153.75)
    assert warm / warm[1] == pytest.approx(expected / expected[1], rel=0.02, abs=0.01)


def test_a_cool_cast_is_the_reverse_of_a_warm_one() -> None:
    product = gains("warm", 80) * gains("cool", 80)
    assert product == pytest.approx([product[0]] * 3)


def test_black_stays_black_under_a_cast_and_no_error_is_none() -> None:
    assert color_cast(np.zeros((3, 3, 3), np.uint8), "cool", 150).max() == 0
    assert gains("warm", 0) == pytest.approx([1, 1, 1])


def test_a_tone_or_an_error_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="tone must be among warm, cool, not green"):
        color_cast_ladders(["warm", "green"], [10])
    for mired in (0, 351, math.nan):
        with pytest.raises(ValueError, match="mired must be above 0 and at most 350"):
            color_cast_ladders(["warm"], [mired])


@pytest.mark.parametrize("keep", [0.7, 0.3, 0.0])
def test_so_much_of_the_chroma_is_kept_and_lightness_and_hue_stay(keep: float) -> None:
    photo = noisy_gradient(60, 80)
    before, after = rgb2lab(photo), rgb2lab(desaturate(photo, keep))
    assert np.abs(after[..., 0] - before[..., 0]).max() < 1.0
    chroma = np.hypot(before[..., 1], before[..., 2])
    assert np.abs(after[..., 1:] - keep * before[..., 1:]).max() < 2.0  # 8-bit steps of dark colours
    assert np.hypot(after[..., 1], after[..., 2]).mean() == pytest.approx(keep * chroma.mean(), abs=0.3)


def test_without_chroma_all_channels_agree() -> None:
    assert np.ptp(desaturate(noisy_gradient(50, 50), 0.0).astype(int), axis=2).max() <= 1


def test_grey_has_no_colour_to_lose() -> None:
    assert np.abs(desaturate(RAMP, 0.5).astype(int) - RAMP).max() <= 1


def test_levels_of_lost_colour_are_named_by_what_is_kept() -> None:
    (ladder,) = desaturate_ladder([0, 0.5, 0.7]).ladders
    assert [level.name for level in ladder.levels] == ["70pct", "50pct", "0pct"]
    with pytest.raises(ValueError, match="keep must be from 0 to 1, without 1"):
        desaturate_ladder([1])


def test_sharpening_makes_halos_on_both_sides_of_an_edge_and_leaves_flat_areas() -> None:
    edge = np.full((60, 80, 3), 100, np.uint8)
    edge[:, 40:] = 150
    row = oversharpen(edge, amount=2, sigma=2)[30, :, 0].astype(int)
    assert (row[5], row[75]) == (100, 150)
    # The blurred edge is a normal distribution: half a pixel from it lies Phi(0.25) = 0.5987 of the step.
    assert (row[39], row[40]) == pytest.approx((100 - 2 * 50 * 0.4013, 150 + 2 * 50 * 0.4013), abs=1.5)


def test_sharpening_adds_the_same_to_all_channels() -> None:
    photo = np.clip(noisy_gradient(60, 80), 90, 160)
    added = oversharpen(photo, amount=0.5, sigma=2).astype(int) - photo
    assert np.ptp(added, axis=2).max() <= 1


@pytest.mark.parametrize(("amount", "sigma", "key"), [([1, 0], 2, "amount"), ([1], 0, "sigma"), ([1], "2", "sigma")])
def test_sharpening_that_does_nothing_is_refused(amount, sigma, key) -> None:
    with pytest.raises(ValueError, match=f"{key} must be above 0"):
        oversharpen_ladder(amount, sigma)
