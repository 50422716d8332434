import math

import cv2
import numpy as np
import pytest

from fixtures.photos import noisy_gradient
from iqbench.degradations.blur import blur, blur_ladder
from iqbench.interfaces import Photo

SIGMAS = [0.5, 1.0, 2.0, 4.0, 8.0]


def reflected(at: int, length: int) -> int:
    """The place that stands for ``at`` beyond an edge: mirrored there, the edge itself not repeated."""
    period = 2 * (length - 1)
    at %= period
    return period - at if at >= length else at


def smoothed(values: np.ndarray, sigma: float) -> np.ndarray:
    """Blur along the first axis, one output at a time."""
    reach = math.ceil(3 * sigma)
    weight = [math.exp(-(step**2) / (2 * sigma**2)) for step in range(-reach, reach + 1)]
    length, total = len(values), sum(weight)
    result = np.zeros(values.shape)
    for at in range(length):
        for step in range(-reach, reach + 1):
            result[at] += weight[step + reach] / total * values[reflected(at + step, length)]
    return result


@pytest.mark.parametrize("sigma", SIGMAS)
def test_blur_is_a_gaussian_cut_off_at_three_sigma_with_mirrored_borders(photo: Photo, sigma: float) -> None:
    slow = smoothed(smoothed(photo.astype(float), sigma).swapaxes(0, 1), sigma).swapaxes(0, 1)
    assert np.abs(blur(photo, sigma) - slow).max() < 1.0


@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("size", [(32, 32), (33, 101)])
def test_blur_is_opencvs_to_the_bit(sigma: float, size: tuple[int, int]) -> None:
    photo, side = noisy_gradient(*size), 2 * math.ceil(3 * sigma) + 1
    assert np.array_equal(blur(photo, sigma), cv2.GaussianBlur(photo, (side, side), sigma))


def test_a_point_is_spread_symmetrically_and_no_further_than_three_sigma() -> None:
    photo = np.zeros((41, 41, 3), np.uint8)
    photo[20, 20] = 255
    spread = blur(photo, 2.0)
    assert np.array_equal(spread, spread[::-1, ::-1])
    assert np.array_equal(spread, spread.swapaxes(0, 1))
    lit = np.argwhere(spread[..., 0])
    assert np.abs(lit - 20).max() <= 6
    # The centre of a two-dimensional Gaussian of sigma 2 is 1 / (2 pi 4) of the whole.
    assert spread[20, 20, 0] == pytest.approx(255 / (8 * math.pi), abs=1)


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_a_plain_photo_stays_as_it_is(value: int) -> None:
    photo = np.full((40, 35, 3), value, np.uint8)
    assert np.array_equal(blur(photo, 4.0), photo)


@pytest.mark.parametrize("sigma", [0, -1, math.inf, math.nan])
def test_a_sigma_that_is_not_positive_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma must be positive"):
        blur_ladder([1, sigma])


def test_more_sigma_is_worse() -> None:
    (ladder,) = blur_ladder([4, 0.5, 1]).ladders
    assert [level.name for level in ladder.levels] == ["0.5", "1.0", "4.0"]
