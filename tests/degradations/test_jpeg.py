import io

import numpy as np
import pytest
from PIL import Image

from fixtures.photos import noisy_gradient
from iqbench.degradations.jpeg import LONGEST_SIDE, jpeg, jpeg_ladder


def pillows(photo: np.ndarray, quality: int, subsampling: int = 2) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.mark.parametrize("quality", [95, 80, 60, 40, 20, 10, 100, 1])
@pytest.mark.parametrize("size", [(32, 32), (33, 47), (95, 128)])
def test_jpeg_is_pillows_to_the_bit(quality: int, size: tuple[int, int]) -> None:
    photo = noisy_gradient(*size)
    assert np.array_equal(jpeg(photo, quality), pillows(photo, quality))


def test_chroma_is_halved_in_both_directions() -> None:
    photo = noisy_gradient(64, 64)
    assert not np.array_equal(jpeg(photo, 80), pillows(photo, 80, subsampling=0))
    assert not np.array_equal(jpeg(photo, 80), pillows(photo, 80, subsampling=1))


def test_red_stays_red() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 250
    assert np.abs(jpeg(red, 95)[16, 16].astype(int) - [250, 0, 0]).max() <= 3


def test_a_side_that_libjpeg_cannot_encode_is_refused() -> None:
    with pytest.raises(ValueError, match=str(LONGEST_SIDE)):
        jpeg(np.zeros((1, LONGEST_SIDE + 1, 3), np.uint8), 80)


@pytest.mark.parametrize("quality", [0, 101, -5, 80.5, "80", None])
def test_a_quality_that_libjpeg_does_not_have_is_refused(quality: int) -> None:
    with pytest.raises(ValueError, match="quality must be whole numbers from 1 to 100"):
        jpeg_ladder([50, quality])


def test_less_quality_is_worse() -> None:
    (ladder,) = jpeg_ladder([20, 90, 50]).ladders
    assert [level.name for level in ladder.levels] == ["90", "50", "20"]
