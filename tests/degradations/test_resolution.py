import numpy as np
import pytest
from skimage.measure import block_reduce

from fixtures.photos import noisy_gradient
from iqbench.degradations.resolution import pixelate, pixelate_ladder, rescale, rescale_ladder


@pytest.mark.parametrize("block", [2, 3, 8])
def test_a_square_is_the_mean_of_its_pixels(block: int) -> None:
    photo = noisy_gradient(48, 72)
    means = block_reduce(photo.astype(float), (block, block, 1), np.mean)
    expected = means.repeat(block, axis=0).repeat(block, axis=1)
    assert np.abs(pixelate(photo, block) - expected).max() <= 0.51


@pytest.mark.parametrize("size", [(33, 47), (32, 101)])
@pytest.mark.parametrize("block", [2, 7, 40])
def test_the_frame_cuts_the_last_squares(size: tuple[int, int], block: int) -> None:
    squares = pixelate(noisy_gradient(*size), block)
    assert squares.shape == (*size, 3)
    for top in range(0, size[0], block):
        for left in range(0, size[1], block):
            assert np.ptp(squares[top : top + block, left : left + block].reshape(-1, 3), axis=0).max() == 0


def test_rescaling_averages_detail_away_and_keeps_what_is_coarse() -> None:
    y, x = np.mgrid[:120, :160]
    checks = np.repeat(255 * ((x + y) % 2)[..., None], 3, axis=2).astype(np.uint8)
    assert np.abs(rescale(checks, 4).astype(int) - 127.5).max() <= 1
    ramp = np.repeat((255 * x / 159)[..., None], 3, axis=2).astype(np.uint8)
    assert np.abs(rescale(ramp, 4)[:, 4:-4].astype(int) - ramp[:, 4:-4]).max() <= 2


def test_nothing_moves() -> None:
    photo = np.zeros((100, 100, 3), np.uint8)
    photo[40:60, 40:60] = 255
    small = rescale(photo, 3).astype(int)
    for picture in (pixelate(photo, 4), small, rescale(photo, 1.5)):
        assert np.abs(picture.astype(int) - picture[::-1, ::-1]).max() <= 1


def test_a_photo_smaller_than_the_factor_is_its_mean() -> None:
    photo = noisy_gradient(32, 40)
    assert np.ptp(rescale(photo, 100).reshape(-1, 3), axis=0).max() == 0


@pytest.mark.parametrize("block", [1, 0, 2.5, "2"])
def test_a_square_that_is_no_square_is_refused(block: int) -> None:
    with pytest.raises(ValueError, match="block must be whole numbers above 1, in px"):
        pixelate_ladder([4, block])


@pytest.mark.parametrize("factor", [1, 0.5, float("nan")])
def test_a_factor_that_enlarges_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="factor must be above 1"):
        rescale_ladder([2, factor])
