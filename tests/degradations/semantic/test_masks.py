"""Masks: drawn in a small copy, enlarged tile by tile as OpenCV enlarges the whole, and applied to the full photo."""

import cv2
import numpy as np
import pytest

from fixtures.photos import noisy_gradient
from fixtures.subjects import grass, red_finder, with_subject
from iqbench.degradations.semantic import masks
from iqbench.degradations.semantic.masks import MAX_PIXELS, composite, copy_for_masks, feathered, tiles_over
from iqbench.degradations.semantic.scene import Scene

SIZES = [(40, 60), (64, 90), (300, 200), (129, 513), (1, 700)]


def disc(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return ((rows / height - 0.5) ** 2 + (columns / width - 0.4) ** 2 < 0.05).astype(bool)


@pytest.mark.parametrize("size", SIZES)
def test_the_tiles_of_a_mask_are_those_of_the_mask_enlarged_as_a_whole(size: tuple[int, int]) -> None:
    height, width = size
    mask = feathered(disc(max(1, height // 3), max(1, width // 3)))
    whole = cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR)
    drawn = np.zeros(size, np.float32)
    for tile, weight in tiles_over(mask, height, width):
        assert not drawn[tile].any()  # each pixel once
        drawn[tile] = weight
    assert np.abs(drawn - whole).max() < 1e-5


def test_a_mask_of_the_photos_size_is_used_as_it_is() -> None:
    mask = feathered(disc(200, 300))
    assert all(np.array_equal(weight, mask[tile]) for tile, weight in tiles_over(mask, 200, 300))


def test_tiles_without_the_mask_are_left_out() -> None:
    mask = np.zeros((1000, 1000), bool)
    mask[10:20, 10:20] = True
    ((tile, weight),) = tiles_over(mask, 1000, 1000)
    assert (tile[0].start, tile[1].start, weight.sum()) == (0, 0, 100)
    assert not list(tiles_over(np.zeros((10, 10), bool), 1000, 1000))


@pytest.mark.parametrize("size", SIZES)
def test_a_composite_is_the_weighted_mean_of_both_photos(size: tuple[int, int]) -> None:
    above, below = noisy_gradient(*size), 255 - noisy_gradient(*size)
    alpha = feathered(disc(*size))
    expected = np.rint(above * alpha[..., None].astype(float) + below * (1 - alpha[..., None].astype(float)))
    assert np.abs(composite(above, below, alpha).astype(int) - expected).max() <= 1
    assert np.array_equal(composite(above, below, np.zeros_like(alpha)), below)
    assert np.array_equal(composite(above, below, np.ones_like(alpha)), above)


@pytest.mark.parametrize(
    "size", [(32, 32), (1024, 1024), (1025, 1024), (3000, 4000), (40, 40_000), (32, 60_000), (60_000, 32)]
)
def test_masks_are_drawn_in_a_million_pixels_at_most_and_in_the_photos_shape(size: tuple[int, int]) -> None:
    photo = np.broadcast_to(np.uint8(7), (*size, 3))
    copy = copy_for_masks(photo)
    height, width = copy.shape[:2]
    assert height * width <= MAX_PIXELS
    assert (copy is photo) == (size[0] * size[1] <= MAX_PIXELS)
    assert height / width == pytest.approx(size[0] / size[1], rel=0.05)
    assert (copy == 7).all()


def test_a_large_photo_is_edited_as_a_small_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = with_subject(grass(240, 400), (80, 160, 120, 220))
    finder = red_finder(dilation=0.05)
    exact = Scene(photo, finder)
    monkeypatch.setattr(masks, "MAX_PIXELS", 120 * 200)
    coarse = Scene(photo, finder)
    assert coarse.subject.region.shape == (120, 200)
    for make in ("removed", "hole", "pasted_back"):
        pictures = [getattr(scene, make)(1.0) for scene in (exact, coarse)]
        changed = [(picture != photo).any(axis=2) for picture in pictures]
        assert changed[1].sum() == pytest.approx(changed[0].sum(), rel=0.1)
        if make != "hole":  # it may lie on the other side, at the same distance
            edge = cv2.morphologyEx(changed[0].astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((15, 15), np.uint8))
            assert (changed[0] ^ changed[1])[edge == 0].mean() < 0.01
