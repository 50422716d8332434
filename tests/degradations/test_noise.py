import math

import numpy as np
import pytest

from fixtures.photos import noisy_gradient
from iqbench.degradations.noise import noise, noise_ladder

GREY = np.full((300, 401, 3), 128, np.uint8)


@pytest.mark.parametrize("sigma", [2, 5, 20, 35])
def test_noise_has_the_standard_deviation_that_was_asked_for(sigma: float) -> None:
    grain = noise(GREY, sigma).astype(float) - GREY
    assert grain.std() == pytest.approx(math.sqrt(sigma**2 + 1 / 12), rel=0.01)  # 1/12: the variance of rounding
    assert grain.mean() == pytest.approx(0, abs=0.01 * sigma)


def test_channels_have_noise_of_their_own() -> None:
    grain = (noise(GREY, 10).astype(float) - GREY).reshape(-1, 3)
    assert np.abs(np.corrcoef(grain.T) - np.eye(3)).max() < 0.01


def test_a_harsher_level_is_the_same_pattern_stronger() -> None:
    mild, harsh = (noise(GREY, sigma).astype(float) - GREY for sigma in (10, 20))
    assert np.abs(2 * mild - harsh).max() <= 1.5  # rounding


def test_two_photos_have_different_noise_and_each_always_the_same() -> None:
    first, second = GREY, GREY + 1
    assert np.array_equal(noise(first, 10), noise(first.copy(), 10))
    assert not np.array_equal(noise(first, 10) + 1, noise(second, 10))


@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_do_not_wrap_around(value: int) -> None:
    noisy = noise(np.full((64, 64, 3), value, np.uint8), 10)
    assert np.abs(noisy.astype(int) - value).max() < 50


@pytest.mark.parametrize("sigma", [0, -1, math.nan, math.inf, "10", None, True])
def test_a_sigma_that_is_not_a_positive_number_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma must be above 0, in grey levels, not "):
        noise_ladder([5, sigma])


def test_a_photo_in_several_bands_has_one_pattern_without_seams() -> None:
    photo = noisy_gradient(700, 400)
    grain = noise(photo, 20).astype(float) - photo
    halves = [grain[:327].ravel(), grain[327:654].ravel()]
    assert abs(np.corrcoef(halves)[0, 1]) < 0.01
