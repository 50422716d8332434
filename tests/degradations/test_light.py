import numpy as np
from skimage.color import rgb2xyz

from iqbench.degradations.light import encoded, linear, to_linear, to_srgb

EVERY = np.arange(256, dtype=np.uint8)


def test_every_value_comes_back() -> None:
    for shape in ((256, 1), (16, 16), (64, 4, 1)):
        values = EVERY.reshape(shape)
        assert linear(values).shape == shape
        assert np.array_equal(encoded(linear(values)), values)


def test_linear_light_is_scikit_images() -> None:
    grey = EVERY.reshape(16, 16, 1).repeat(3, axis=2)
    assert np.abs(linear(grey)[..., 1] - rgb2xyz(grey)[..., 1]).max() < 1e-5  # of grey, Y is the light


def test_the_two_curves_are_each_others_inverse_and_meet_at_both_ends() -> None:
    share = np.linspace(0, 1, 1001)
    assert np.abs(to_srgb(to_linear(share)) - share).max() < 1e-6
    assert to_linear(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_light_below_black_and_above_white_is_clipped() -> None:
    assert encoded(np.array([-1, -1e-9, 0, 1, 1.0001, 70000, np.inf], np.float32)).tolist() == [0, 0, 0, *[255] * 4]
