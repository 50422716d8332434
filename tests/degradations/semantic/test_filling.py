"""Filling: only the region changes, it looks like its surroundings, and the same photo gives the same picture."""

import numpy as np
import pytest

from fixtures.subjects import grass, with_subject
from iqbench.degradations.semantic.filling import LONGEST_SIDE, fill


def box(shape: tuple[int, ...], top: int, bottom: int, left: int, right: int) -> np.ndarray:
    region = np.zeros(shape[:2], bool)
    region[top:bottom, left:right] = True
    return region


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (120, 200), (40, 400), (300, 420)])
def test_only_the_region_changes_and_always_in_the_same_way(size: tuple[int, int]) -> None:
    height, width = size
    photo = with_subject(grass(*size), (height // 4, height // 2, width // 4, width // 2))
    region = box(size, height // 4 - 2, height // 2 + 2, width // 4 - 2, width // 2 + 2)
    filled = fill(photo, region, np.zeros_like(region))
    assert (filled.shape, filled.dtype) == (photo.shape, np.uint8)
    assert np.array_equal(filled[~region], photo[~region])
    assert np.array_equal(fill(photo.copy(), region, np.zeros_like(region)), filled)
    assert (filled[..., 0].astype(int) - filled[..., 1] < 60).all()  # nothing red is left


@pytest.mark.parametrize("corner", [(0, 30, 0, 40), (90, 120, 160, 200), (0, 120, 80, 110)])
def test_a_region_at_the_border_is_filled_without_a_trace_of_what_was_there(corner: tuple[int, int, int, int]) -> None:
    photo = with_subject(grass(), corner)
    region = box(photo.shape, *corner)
    filled = fill(photo, region, np.zeros_like(region))
    assert (filled[region].astype(int)[:, 0] < 180).all()


def test_the_texture_is_that_of_the_surroundings_also_in_a_large_photo() -> None:
    photo = grass(2 * LONGEST_SIDE, 3 * LONGEST_SIDE)
    region = box(photo.shape, 200, 300, 300, 420)
    filled = fill(with_subject(photo, (200, 300, 300, 420)), region, np.zeros_like(region))
    inside, outside = filled[region].astype(float), photo[~region].astype(float)
    assert np.abs(inside.mean(axis=0) - outside.mean(axis=0)).max() < 6
    assert 0.5 < inside.std() / outside.std() < 1.5  # Telea's fill has a tenth of it


def test_stripes_go_on_through_the_region() -> None:
    photo = np.zeros((96, 160, 3), np.uint8)
    photo[(np.arange(96) // 8) % 2 == 1] = 200
    region = box(photo.shape, 24, 72, 60, 100)
    filled = fill(with_subject(photo, (24, 72, 60, 100)), region, np.zeros_like(region))
    assert np.abs(filled.astype(int) - photo)[region].mean() < 12


def test_nothing_is_copied_from_what_is_forbidden() -> None:
    photo = grass()
    photo[:, 120:] = 20, 20, 240
    region = box(photo.shape, 40, 80, 40, 90)
    forbidden = box(photo.shape, 0, 120, 115, 200)
    filled = fill(photo, region, forbidden)
    assert (filled[region][:, 2] < 200).all()


def test_where_there_is_nothing_to_copy_the_colours_of_the_border_are_spread() -> None:
    photo = with_subject(grass(), (4, 116, 4, 196))
    region = box(photo.shape, 4, 116, 4, 196)
    filled = fill(photo, region, np.zeros_like(region))
    assert (filled[region][:, 0] < 180).all()
    everything = np.ones(photo.shape[:2], bool)
    assert np.array_equal(fill(photo, everything, everything), photo)
    assert np.array_equal(fill(photo, ~everything, ~everything), photo)
