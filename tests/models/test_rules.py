import math
from collections import Counter

import numpy as np
import pytest
import torch

from fixtures.photos import noisy_gradient
from iqbench.degradations.blur import blur
from iqbench.degradations.exposure import expose
from iqbench.errors import UsageError
from iqbench.inference.image_statistics import luma
from iqbench.interfaces import Photo
from iqbench.models.rules import TERMS, Rules, terms

SIZES = [(32, 32), (33, 47), (95, 61)]


def grey_of(photo: Photo) -> np.ndarray:
    """OpenCV's grey: the weights 0.299, 0.587, 0.114 in units of 1 / 2^15."""
    red, green, blue = (photo[..., channel].astype(int) for channel in range(3))
    return (9798 * red + 19235 * green + 3735 * blue + (1 << 14)) >> 15


def test_grey_is_that_of_opencv_and_follows_the_pixels(photo: Photo) -> None:
    changed = photo[::-1].copy()
    assert luma(photo)[0].tolist() == grey_of(photo).tolist()
    assert luma(changed)[0].tolist() == grey_of(changed).tolist()
    changed[:] = 7
    assert (luma(changed)[0].max(), luma(changed)[1]) == (7, 0.0)


def slow_sharpness(grey: np.ndarray) -> float:
    height, width = grey.shape

    def at(y: int, x: int) -> int:
        y, x = abs(y), abs(x)
        return int(grey[2 * (height - 1) - y if y >= height else y, 2 * (width - 1) - x if x >= width else x])

    values = [
        at(y - 1, x) + at(y + 1, x) + at(y, x - 1) + at(y, x + 1) - 4 * at(y, x)
        for y in range(height)
        for x in range(width)
    ]
    mean = math.fsum(values) / len(values)
    return math.fsum((value - mean) ** 2 for value in values) / len(values) / 1000


def slow_exposure(grey: np.ndarray) -> float:
    counts = Counter(grey.ravel().tolist())
    entropy = -math.fsum(n / grey.size * math.log(n / grey.size) for n in counts.values()) / math.log(256)
    return 0.5 * (1 - (counts[0] + counts[255]) / grey.size) + 0.5 * entropy


def slow_colorfulness(photo: Photo) -> float:
    places = photo.reshape(-1, 3).tolist()
    moments = []
    for opponent in ([r - g for r, g, _ in places], [(r + g) / 2 - b for r, g, b in places]):
        mean = math.fsum(opponent) / len(opponent)
        moments.append((mean, math.fsum((value - mean) ** 2 for value in opponent) / len(opponent)))
    (mean_rg, variance_rg), (mean_yb, variance_yb) = moments
    return (math.sqrt(variance_rg + variance_yb) + 0.3 * math.sqrt(mean_rg**2 + mean_yb**2)) / 100


def slow_contrast(grey: np.ndarray) -> float:
    values = grey.ravel().tolist()
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values)) / mean / 0.8


@pytest.mark.parametrize("size", SIZES)
def test_the_terms_are_those_of_a_slow_rederivation(size: tuple[int, int]) -> None:
    photo = noisy_gradient(*size)
    grey = grey_of(photo)
    slow = [slow_sharpness(grey), slow_exposure(grey), slow_colorfulness(photo), slow_contrast(grey)]
    assert terms(photo).tolist() == pytest.approx(slow, abs=1e-9, rel=1e-9)


@pytest.mark.parametrize("value", [0, 255])
def test_a_black_and_a_white_photo_have_nothing(value: int) -> None:
    assert terms(np.full((40, 50, 3), value, np.uint8)).tolist() == [0.0, 0.0, 0.0, 0.0]


def test_a_grey_photo_is_half_well_exposed_and_nothing_else() -> None:
    assert terms(np.full((40, 50, 3), 77, np.uint8)).tolist() == [0.0, 0.5, 0.0, 0.0]


def test_a_checkerboard_is_worked_out_by_hand() -> None:
    y, x = np.mgrid[:32, :32]
    board = np.where((y + x) % 2, 200, 100).astype(np.uint8)[..., None].repeat(3, axis=2)
    sharp, exposed, colorful, contrasty = terms(board)
    assert sharp == pytest.approx(400**2 / 1000)  # four neighbours that differ by 100, up or down
    assert exposed == pytest.approx(0.5 + 0.5 * math.log(2) / math.log(256))  # two equally frequent values
    assert colorful == 0.0
    assert contrasty == pytest.approx(50 / 150 / 0.8)


def test_pure_red_is_colourful_by_its_means_alone() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 200
    assert terms(red)[2] == pytest.approx(0.3 * math.hypot(200, 100) / 100)


def score(photo_terms: list[float], **weights: float) -> float:
    clipped = Rules(weights, clipped=True)
    return clipped.encode(torch.tensor([photo_terms], dtype=torch.float64)).item()


def test_the_score_is_the_weighted_sum_of_the_clipped_terms() -> None:
    published = {"sharpness": 0.4, "exposure": 0.3, "colorfulness": 0.2, "contrast": 0.1}
    assert score([3.0, 0.5, -0.2, 0.25], **published) == pytest.approx(0.4 + 0.15 + 0.0 + 0.025)
    unclipped = Rules(published, clipped=False).encode(torch.tensor([[3.0, 0.5, -0.2, 0.25]], dtype=torch.float64))
    assert unclipped.item() == pytest.approx(1.2 + 0.15 - 0.04 + 0.025)


@pytest.mark.parametrize("at", range(4))
def test_a_term_alone_is_that_term(at: int) -> None:
    assert score([0.1, 0.2, 0.3, 0.4], **{TERMS[at]: 1.0}) == pytest.approx(0.1 * (at + 1))


def test_clipping_makes_ties_and_no_clipping_breaks_them() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    for clipped in (True, False):
        model = Rules({"sharpness": 1.0}, clipped=clipped)
        first, second = (model.encode(model.prepare(photo).unsqueeze(0)) for photo in noise)
        assert (model.margin(first, second).item() == 0.0) is clipped
        assert (first.item() == 1.0) is clipped


def test_a_term_that_there_is_not_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no term beauty, taste; the terms are sharpness, exposure"):
        Rules({"taste": 1.0, "sharpness": 1.0, "beauty": 0.5}, clipped=True)


def without_colour(photo: Photo) -> Photo:
    return photo.mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)


WORSE = {
    "sharpness": lambda photo: blur(photo, 2.0),
    "exposure": lambda photo: expose(photo, -6.0),
    "colorfulness": without_colour,
    "contrast": lambda photo: photo // 4 + 96,
}


@pytest.mark.parametrize("term", TERMS)
def test_each_term_prefers_the_photo_to_a_copy_that_lacks_just_that(term: str) -> None:
    model, photo = Rules({term: 1.0}, clipped=False), noisy_gradient(80, 90)
    better, worse = (model.encode(model.prepare(p).unsqueeze(0)) for p in (photo, WORSE[term](photo)))
    assert model.margin(better, worse).item() > 0.05
    assert model.margin(worse, better).item() < -0.05


def test_sums_over_more_pixels_than_float32_can_count_are_exact():
    large = np.full((4200, 4100, 3), 100, dtype=np.uint8)  # 17 million
    large[:, 2050:] = (255, 0, 0)
    large[:, :2050] = (0, 0, 255)
    mean_rg, mean_yb = 255 / 2, (255 / 2 - 255) / 2
    variance_rg, variance_yb = (255 / 2) ** 2, (255 * 0.75) ** 2
    colourful = (math.sqrt(variance_rg + variance_yb) + 0.3 * math.hypot(mean_rg, mean_yb)) / 100
    assert terms(large)[TERMS.index("colorfulness")] == pytest.approx(colourful, rel=1e-15)
    grey = np.full((4200, 4100, 3), 100, dtype=np.uint8)
    grey[0, 0] = 255
    share = 1 / (4200 * 4100)
    entropy = -(share * math.log(share) + (1 - share) * math.log1p(-share)) / math.log(256)
    assert terms(grey)[TERMS.index("exposure")] == pytest.approx(0.5 * (1 - share) + 0.5 * entropy, rel=1e-12)
