"""Haze, vignetting and flicker, in linear light, and the denoising smear."""

import math

import cv2
import numpy as np
import pytest

from fixtures.photos import noisy_gradient
from iqbench.degradations.banding import banding, banding_ladder
from iqbench.degradations.denoise import denoise, denoise_ladder
from iqbench.degradations.haze import haze, haze_ladder
from iqbench.degradations.light import linear
from iqbench.degradations.noise import noise
from iqbench.degradations.vignette import vignette, vignette_ladder

GREY = np.full((201, 301, 3), 180, np.uint8)


def test_haze_follows_koschmieders_law() -> None:
    hazy = linear(haze(GREY, density=0.7, near=0.4, airlight=0.8))[:, 0, 0]
    light = float(linear(GREY)[0, 0, 0])
    for row, depth in ((0, 1.0), (100, 0.7), (200, 0.4)):
        arriving = math.exp(-0.7 * depth)
        assert hazy[row] == pytest.approx(light * arriving + 0.8 * (1 - arriving), abs=0.005)


def test_haze_of_its_own_colour_changes_nothing_and_dense_haze_leaves_nothing() -> None:
    airlight = float(linear(GREY)[0, 0, 0])
    assert np.abs(haze(GREY, 1.0, 0.4, airlight).astype(int) - GREY).max() <= 1
    assert np.ptp(haze(noisy_gradient(64, 64), 50, 1, 0.8)) == 0


@pytest.mark.parametrize("stops", [0.5, 2.5])
@pytest.mark.parametrize("size", [(201, 301), (400, 33)])
def test_corners_lose_so_many_stops_and_the_centre_none(stops: float, size: tuple[int, int]) -> None:
    grey = np.full((*size, 3), 200, np.uint8)
    gain = linear(vignette(grey, stops)) / linear(grey)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        assert math.log2(gain[corner][0]) == pytest.approx(-stops, abs=0.06)
    assert gain[size[0] // 2, size[1] // 2, 0] == pytest.approx(1, abs=0.02)
    # Half way to a corner: tan^2 of the angle is a quarter of (2^(stops / 2) - 1).
    half = (1 + (2 ** (stops / 2) - 1) / 4) ** -2
    assert gain[round((size[0] - 1) / 4), round((size[1] - 1) / 4), 0] == pytest.approx(half, abs=0.03)


def test_flicker_is_a_sine_along_the_rows_of_so_many_periods() -> None:
    grey = np.full((500, 40, 3), 150, np.uint8)
    striped = linear(banding(grey, depth=0.3, periods=5))
    assert np.ptp(striped, axis=1).max() == 0
    gain = striped[:, 0, 0] / linear(grey)[0, 0, 0]
    spectrum = np.abs(np.fft.rfft(gain - 1)) * 2 / 500
    assert int(spectrum.argmax()) == 5
    assert spectrum[5] == pytest.approx(0.3, abs=0.01)
    assert gain.mean() == pytest.approx(1, abs=0.01)


def test_the_phase_of_flicker_is_the_photos_own() -> None:
    photos = [np.full((200, 40, 3), value, np.uint8) for value in (120, 121, 122)]
    peaks = {int(banding(photo, 0.3, 1)[:, 0, 0].argmax()) for photo in photos}
    assert len(peaks) == 3


def test_denoising_removes_most_noise_of_flat_areas_and_keeps_strong_edges() -> None:
    photo = np.full((120, 160, 3), 60, np.uint8)
    photo[:, 80:] = 200
    smeared = denoise(photo, sigma=10, strength=3, window=7, chroma=0.12).astype(float)
    assert smeared[20:100, 10:60].std() < 0.35 * noise(photo, 10)[20:100, 10:60].astype(float).std()
    assert smeared[:, 84:].mean() - smeared[:, :76].mean() == pytest.approx(140, abs=3)
    assert cv2.cvtColor(smeared.astype(np.uint8), cv2.COLOR_RGB2GRAY)[60, 78:82].tolist() == pytest.approx(
        [60, 60, 200, 200], abs=12
    )


def test_denoising_smears_fine_texture() -> None:
    texture = (128 + np.random.default_rng(0).normal(0, 8, (120, 160, 1)).repeat(3, axis=2)).astype(np.uint8)
    assert denoise(texture, sigma=10, strength=3, window=7, chroma=0.12).std() < 0.5 * texture.std()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: haze_ladder([0], 0.4, 0.8), "density must be above 0"),
        (lambda: haze_ladder([1], 1.4, 0.8), "near must be from 0 to 1"),
        (lambda: haze_ladder([1], 0.4, -1), "airlight must be from 0 to 1"),
        (lambda: vignette_ladder([-1]), "stops must be above 0, in EV"),
        (lambda: banding_ladder([1.5], 5), "depth must be above 0 and at most 1"),
        (lambda: banding_ladder([0.5], 0), "periods must be above 0"),
        (lambda: denoise_ladder([5], 3, 6, 0.1), "window must be odd and above 1, in px"),
        (lambda: denoise_ladder([5], 0, 7, 0.1), "strength must be above 0"),
        (lambda: denoise_ladder([5], 3, 7, 0), "chroma must be above 0"),
        (lambda: denoise_ladder([0], 3, 7, 0.1), "sigma must be above 0"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(build, message) -> None:
    with pytest.raises(ValueError, match=message):
        build()
