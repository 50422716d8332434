import math

import cv2
import numpy as np
import pytest

from iqbench.degradations.light import linear
from iqbench.degradations.sensor_noise import (
    UNIT,
    ZERO,
    demosaiced,
    mosaic,
    mosaic_noise,
    read_noise,
    sensor_noise,
    sensor_noise_ladder,
)

PHOTONS = [1e-4, 1.5e-3, 1.2e-2]


@pytest.mark.parametrize("shot", PHOTONS)
@pytest.mark.parametrize("value", [0, 30, 128, 220, 255])
def test_noise_in_the_mosaic_has_the_variance_of_the_model(shot: float, value: int) -> None:
    grey = np.full((400, 500, 3), value, np.uint8)
    light = float(linear(grey[:1, :1])[0, 0, 0])
    grain = (mosaic_noise(grey, shot).astype(float) - ZERO) / UNIT
    variance = shot * light + math.exp(2.18 * math.log(shot) + 1.2)
    assert grain.var() == pytest.approx(variance + 1 / 12 / UNIT**2, rel=0.02)
    assert grain.mean() == pytest.approx(0, abs=0.02 * math.sqrt(variance) + 1 / UNIT)


def test_read_noise_is_that_of_the_paper() -> None:
    # By hand: ln 0.01 = -4.60517, times 2.18 is -10.03927, plus 1.2 is -8.83927, of which exp is 1.449e-4.
    assert read_noise(0.01) == pytest.approx(1.449e-4, rel=1e-3)


def test_the_mosaic_is_red_and_green_above_green_and_blue_wherever_a_band_starts() -> None:
    light = np.zeros((5, 4, 3), np.float32) + np.array([1, 2, 3], np.float32)
    expected = np.array([[1, 2, 1, 2], [2, 3, 2, 3]] * 3, np.float32)
    assert np.array_equal(mosaic(light, top=0), expected[:5])
    assert np.array_equal(mosaic(light, top=7), expected[1:])


def test_a_mosaic_of_one_colour_is_demosaiced_to_that_colour() -> None:
    light = np.zeros((20, 22, 3), np.float32) + np.array([40_000, 300, 9000], np.float32)
    assert demosaiced(mosaic(light, top=0).astype(np.uint16))[5, 5].tolist() == [40_000, 300, 9000]


def test_a_colour_that_a_cell_does_not_see_is_the_mean_of_its_neighbours() -> None:
    grain = np.zeros((9, 10), np.uint16)
    grain[4, 3] = 100  # even row, odd column: green
    around = demosaiced(grain)[3:6, 2:5]
    assert around[..., 1].tolist() == [[0, 25, 0], [25, 100, 25], [0, 25, 0]]
    assert around[..., [0, 2]].max() == 0


def test_neighbours_share_noise_as_in_a_developed_raw_file() -> None:
    grey = np.full((300, 300, 3), 128, np.uint8)
    grain = sensor_noise(grey, 1e-2).astype(float) - 128
    red = grain[..., 0]
    assert np.corrcoef(red[::2, 1:-1:2].ravel(), red[::2, 2::2].ravel())[0, 1] > 0.3
    plain = grain.reshape(-1, 3).std(axis=0)
    assert plain[0] == pytest.approx(plain[2], rel=0.05)
    assert plain[1] > plain[0]  # half of the cells are green, so less of it is averaged


def test_dark_grey_is_noisier_than_bright_grey_in_the_picture() -> None:
    dark, bright = (sensor_noise(np.full((200, 200, 3), value, np.uint8), 5e-3).std() for value in (40, 200))
    assert dark > 1.5 * bright


def test_the_photos_own_detail_stays(photo: np.ndarray) -> None:
    edges = [cv2.Laplacian(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), cv2.CV_32F) for p in (photo, sensor_noise(photo, 1e-4))]
    assert np.corrcoef(edges[0].ravel(), edges[1].ravel())[0, 1] > 0.98


@pytest.mark.parametrize("shot", [0, -1e-3, 0.2, math.nan, "1e-3"])
def test_a_variance_out_of_range_is_refused(shot: float) -> None:
    with pytest.raises(ValueError, match=r"shot must be above 0 and at most 0\.1, not"):
        sensor_noise_ladder([1e-3, shot])
