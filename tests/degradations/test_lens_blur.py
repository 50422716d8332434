import math

import cv2
import numpy as np
import pytest
from scipy import ndimage

from fixtures.photos import noisy_gradient
from iqbench.degradations.lens_blur import defocus, defocus_ladder, disc, line, motion_blur, motion_blur_ladder, spread
from iqbench.degradations.light import encoded, linear

ANGLES = [0, 17, 45, 90, 133, 179]


@pytest.mark.parametrize("length", [1.5, 3, 10, 25])
@pytest.mark.parametrize("angle", ANGLES)
def test_a_line_sums_to_1_lies_around_its_centre_and_points_where_it_should(length: float, angle: float) -> None:
    kernel = line(length, angle).astype(float)
    reach = kernel.shape[0] // 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    assert kernel.min() >= 0
    assert np.allclose(kernel, kernel[::-1, ::-1], atol=1e-7)
    # The main axis of its second moments; y grows downward.
    covariance = np.array([[(kernel * x * x).sum(), -(kernel * x * y).sum()], [0, (kernel * y * y).sum()]])
    covariance[1, 0] = covariance[0, 1]
    axis = np.linalg.eigh(covariance)[1][:, 1]
    if length >= 10:
        off = math.degrees(math.atan2(axis[1], axis[0])) - angle
        assert abs((off + 90) % 180 - 90) < 2


@pytest.mark.parametrize("length", [3, 9, 25])
def test_a_horizontal_line_of_whole_length_is_so_many_equal_pixels(length: int) -> None:
    kernel = line(length, 0)
    assert kernel[length // 2].tolist() == pytest.approx([1 / length] * length)
    assert kernel.sum() == pytest.approx(kernel[length // 2].sum())


@pytest.mark.parametrize("radius", [0.6, 1, 2, 4.5, 8])
def test_a_disc_covers_its_area(radius: float) -> None:
    kernel = disc(radius).astype(float)
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    # An inner pixel is wholly covered, so its weight is 1 over the area.
    if radius > 1:
        assert 1 / kernel.max() == pytest.approx(math.pi * radius**2, rel=0.01)
    assert np.array_equal(kernel, kernel.T)
    assert np.array_equal(kernel, kernel[::-1])


def test_a_point_of_light_becomes_a_disc_of_that_radius() -> None:
    night = np.zeros((61, 61, 3), np.uint8)
    night[30, 30] = 255
    light = linear(defocus(night, 6))[..., 0]
    lit = np.argwhere(light > light.max() / 2) - 30
    assert np.hypot(*lit.T).max() <= 6.5
    assert len(lit) == pytest.approx(math.pi * 36, rel=0.05)


def test_blur_is_scipys_convolution_of_linear_light() -> None:
    photo, kernel = noisy_gradient(40, 53), disc(3.3)
    slow = np.stack([ndimage.convolve(linear(photo)[..., c], kernel, mode="mirror") for c in range(3)], axis=-1)
    assert np.abs(spread(photo, kernel).astype(int) - encoded(slow)).max() <= 1


def test_half_black_and_half_white_mix_as_light_and_not_as_numbers() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[::2] = 255
    mixed = spread(stripes, line(2, 90))
    assert abs(int(mixed[32, 32, 0]) - 188) <= 1  # half of the light; half of the number would be 128


def test_the_angle_of_motion_is_the_photos_own_and_the_same_at_each_level() -> None:
    def angle(photo: np.ndarray, length: float) -> float:
        change = motion_blur(photo, length).astype(np.float32)
        y, x = (cv2.Sobel(change[..., 1], cv2.CV_32F, *order) for order in ((0, 1), (1, 0)))
        tensor = np.array([[(x * x).mean(), (x * y).mean()], [(x * y).mean(), (y * y).mean()]])
        along = np.linalg.eigh(tensor)[1][:, 0]  # of the least change: along the motion
        return math.degrees(math.atan2(-along[1], along[0])) % 180

    rng = np.random.default_rng(0)
    textures = [rng.integers(0, 256, (200, 200, 3), dtype=np.uint8) for _ in range(4)]
    angles = [(angle(texture, 12), angle(texture, 24)) for texture in textures]
    for mild, harsh in angles:
        assert abs((mild - harsh + 90) % 180 - 90) < 6
    assert len({round(mild / 6) for mild, _ in angles}) > 1


@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_a_plain_photo_stays_as_it_is(value: int) -> None:
    photo = np.full((40, 35, 3), value, np.uint8)
    assert np.array_equal(defocus(photo, 8), photo)
    assert np.array_equal(motion_blur(photo, 25), photo)


@pytest.mark.parametrize(
    ("ladder", "amount", "message"),
    [
        (motion_blur_ladder, 1, "length must be above 1, in px"),
        (motion_blur_ladder, math.inf, "length must be above 1, in px"),
        (defocus_ladder, 0.5, r"radius must be above 0\.5, in px"),
        (defocus_ladder, "2", r"radius must be above 0\.5, in px"),
    ],
)
def test_an_amount_that_does_nothing_is_refused(ladder, amount, message) -> None:
    with pytest.raises(ValueError, match=message):
        ladder([3, amount])
