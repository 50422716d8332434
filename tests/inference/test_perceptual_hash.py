"""The perceptual hash: its bits by hand, near for copies, far for other pictures, none without structure."""

import numpy as np
import pytest

from fixtures.near_copies import COPIES, structured
from fixtures.photos import noisy_gradient
from iqbench.inference.perceptual_hash import MAX_DISTANCE, perceptual_hash
from iqbench.interfaces import Photo


def distance(first: Photo, second: Photo) -> int:
    hashes = perceptual_hash(first), perceptual_hash(second)
    assert hashes[0] is not None
    assert hashes[1] is not None
    return (int(hashes[0], 16) ^ int(hashes[1], 16)).bit_count()


def grey(rows: np.ndarray) -> Photo:
    return np.repeat(rows.astype(np.uint8)[..., None], 3, axis=2)


def striped(levels: list[int], width: int) -> np.ndarray:
    """Return 72 x 72 values in vertical stripes."""
    return np.tile(np.repeat(levels, width), (72, 1))


def test_each_bit_is_set_where_a_cell_is_brighter_than_the_one_before_it() -> None:
    up_up_down = striped([0, 100, 200, 0, 100, 200, 0, 100, 200], 8)
    assert perceptual_hash(grey(up_up_down)) == "db" * 8 + "00" * 8  # 11011011
    assert perceptual_hash(grey(255 - up_up_down)) == "24" * 8 + "00" * 8  # 00100100


def test_the_last_64_bits_compare_rows() -> None:
    lying = striped([200, 0, 100, 200, 0, 100, 200, 0, 100], 8).T
    down_up_up = "".join("00" if below < above else "ff" for above, below in [(2, 0), (0, 1), (1, 2)] * 3)[:16]
    assert perceptual_hash(grey(lying)) == "00" * 8 + down_up_up


@pytest.mark.parametrize("copy", COPIES)
def test_copies_are_near(copy: str) -> None:
    distances = [distance(structured(seed), COPIES[copy](structured(seed))) for seed in range(20)]
    assert max(distances) <= MAX_DISTANCE


def test_a_copy_of_another_size_and_format_differs_in_some_bits() -> None:
    distances = [distance(structured(seed), COPIES["cropped by 1 %"](structured(seed))) for seed in range(20)]
    assert 0 < np.mean(distances) < MAX_DISTANCE


def test_different_pictures_are_far() -> None:
    pictures = [structured(seed) for seed in range(30)]
    distances = [distance(pictures[a], pictures[b]) for a in range(30) for b in range(a)]
    assert min(distances) > 2 * MAX_DISTANCE
    assert np.mean(distances) == pytest.approx(64, abs=2)


def test_a_mirrored_picture_is_another_one() -> None:
    assert distance(structured(0), np.ascontiguousarray(structured(0)[:, ::-1])) > 2 * MAX_DISTANCE


Y, X = np.mgrid[:120, :160]
WITHOUT_STRUCTURE = {
    "black": np.zeros((120, 160)),
    "white": np.full((120, 160), 255),
    "gradient to the right": 255 * X / 160,
    "gradient down": 255 * Y / 120,
    "diagonal gradient": 255 * (X + Y) / 280,
    "vignette": 255 - 2 * np.hypot(X - 80, Y - 60),
    "sensor noise": np.random.default_rng(0).normal(128, 3, (120, 160)),
    "a spot on white": np.where(np.hypot(X - 80, Y - 60) < 15, 40, 255),
}


@pytest.mark.parametrize("name", WITHOUT_STRUCTURE)
def test_a_picture_without_structure_has_no_hash(name: str) -> None:
    assert perceptual_hash(grey(WITHOUT_STRUCTURE[name])) is None


def test_pictures_of_noise_are_not_near() -> None:
    noise = [np.random.default_rng(seed).integers(0, 256, (64, 96, 3)).astype(np.uint8) for seed in range(10)]
    assert all(distance(noise[a], noise[b]) > 2 * MAX_DISTANCE for a in range(10) for b in range(a))
    assert perceptual_hash(noisy_gradient(64, 64)) is None


def test_a_picture_of_a_few_pixels_has_none_or_one_but_no_error() -> None:
    for side in (1, 2, 5):
        picture = np.random.default_rng(0).integers(0, 256, (side, side + 3, 3)).astype(np.uint8)
        assert perceptual_hash(picture) is None or len(perceptual_hash(picture) or "") == 32
