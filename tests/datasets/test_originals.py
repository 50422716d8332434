"""Whole photos and random parts of them."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fixtures.photos import noisy_gradient
from iqbench.datasets.originals import (
    LEAST_SCALE,
    LEAST_SHARE,
    LEAST_SIDE,
    LONGEST_SIDE,
    MOST_TIMES,
    SAVED_QUALITY,
    SIDE_PER_PART,
    Original,
    originals,
)
from iqbench.interfaces import PhotoFile

SHA = "1f" * 32


@pytest.fixture
def file(tmp_path: Path) -> PhotoFile:
    Image.fromarray(noisy_gradient(400, 600)).save(tmp_path / "a.png")
    return PhotoFile("./a.png", tmp_path / "a.png")


@pytest.mark.parametrize("number", range(1, 20))
def test_a_part_is_a_smaller_picture_of_a_part_of_the_photo(file: PhotoFile, number: int) -> None:
    part = Original.part(file, SHA, number, (600, 400), saved=0, seed=0)
    assert part is not None
    left, top, width, height = part.frame
    assert 0 <= left < left + width <= 1
    assert 0 <= top < top + height <= 1
    assert min(width, height) >= LEAST_SHARE
    assert part.size is not None
    columns, rows = part.size
    assert min(columns, rows) >= LEAST_SIDE
    scale = columns / (600 * width)
    assert LEAST_SCALE <= scale <= 1.01
    assert rows / (400 * height) == pytest.approx(scale, abs=0.01)
    assert part.pixels().shape == (rows, columns, 3)


def test_a_part_shows_what_is_in_its_frame(tmp_path: Path) -> None:
    photo = np.zeros((200, 400, 3), dtype=np.uint8)
    photo[50:150, 100:300] = 200
    Image.fromarray(photo).save(tmp_path / "b.png")
    part = Original(PhotoFile("./b.png", tmp_path / "b.png"), SHA, 1, (0.25, 0.25, 0.5, 0.5), (100, 50))
    assert (part.pixels() == 200).all()
    shifted = Original(PhotoFile("./b.png", tmp_path / "b.png"), SHA, 1, (0.0, 0.25, 0.5, 0.5), (100, 50))
    assert (shifted.pixels()[:, :49] == 0).all()
    assert (shifted.pixels()[:, 51:] == 200).all()


def test_the_pixels_of_a_part_are_means_of_those_that_it_covers(tmp_path: Path) -> None:
    photo = np.zeros((40, 40, 3), dtype=np.uint8)
    photo[::2, ::2] = 200  # a quarter of the pixels of each square of 2 x 2
    Image.fromarray(photo).save(tmp_path / "c.png")
    part = Original(PhotoFile("./c.png", tmp_path / "c.png"), SHA, 1, (0, 0, 1, 1), (20, 20))
    assert (part.pixels() == 50).all()


def test_parts_depend_on_the_bytes_the_number_and_the_seed_and_on_nothing_else(file: PhotoFile, tmp_path: Path) -> None:
    def part(file: PhotoFile = file, sha: str = SHA, number: int = 1, seed: int = 0) -> Original:
        made = Original.part(file, sha, number, (600, 400), 0.0, seed)
        assert made is not None
        return made

    elsewhere = PhotoFile("./other.png", tmp_path / "other.png")
    assert part().key == part(file=elsewhere).key
    keys = {part().key, part(sha="2e" * 32).key, part(number=2).key, part(seed=1).key}
    assert len(keys) == 4


def test_a_photo_that_is_too_small_has_no_parts(file: PhotoFile) -> None:
    small = list(originals([file], [SHA], [(LEAST_SIDE, LEAST_SIDE)], parts=3, saved=0, seed=0))
    assert [(original.number, original.size) for original in small] == [(0, None)]
    assert [original.number for original in originals([file], [SHA], [(600, 400)], 2, 0, seed=0)] == [0, 1, 2]
    assert [each.name for each in originals([file], [SHA], [(600, 400)], 1, 0, 0)] == [
        "./a.png",
        "./a.png part 1",
    ]


def test_a_large_photo_gives_parts_of_many_sizes(file: PhotoFile) -> None:
    parts = [Original.part(file, SHA, number, (4000, 3000), 0, 0) for number in range(1, 200)]
    sides = [min(part.size) for part in parts if part is not None and part.size is not None]
    assert len(sides) == 199
    assert min(sides) < 500
    assert max(sides) > 1200
    assert max(max(part.size) for part in parts if part is not None and part.size is not None) <= LONGEST_SIDE


@pytest.mark.parametrize(
    ("longer_side", "times"), [(300, 1), (2 * SIDE_PER_PART, 2), (4000, MOST_TIMES), (9000, MOST_TIMES)]
)
def test_a_large_photo_has_more_parts(file: PhotoFile, longer_side: int, times: int) -> None:
    every = list(originals([file], [SHA], [(longer_side, longer_side * 3 // 4)], parts=2, saved=0, seed=0))
    assert len(every) == 1 + 2 * times


def test_the_share_of_parts_that_is_asked_for_is_saved_with_loss(file: PhotoFile) -> None:
    parts = list(originals([file], [SHA], [(600, 400)], parts=400, saved=0.3, seed=0))
    assert parts[0].saved is None  # the photo itself stays as it is
    losses = [part.saved for part in parts[1:] if part.saved is not None]
    assert 0.2 < len(losses) / 400 < 0.4
    for codec, (least, highest) in SAVED_QUALITY.items():
        qualities = [quality for name, quality in losses if name == codec]
        assert len(qualities) > 0.35 * len(losses)
        assert least <= min(qualities) < least + 10 <= highest - 10 < max(qualities) <= highest
    without = list(originals([file], [SHA], [(600, 400)], parts=400, saved=0, seed=0))
    assert [part.saved for part in without] == [None] * 401
    assert [part.frame for part in without] == [part.frame for part in parts]  # the same parts
    same = [one.key == other.key for one, other in zip(parts, without, strict=True)]
    assert same == [part.saved is None for part in parts]


def test_a_saved_part_is_what_pillow_makes_of_it(file: PhotoFile) -> None:
    part = Original(file, SHA, 1, (0, 0, 1, 1), (300, 200))
    for codec, quality, settings in (("jpeg", 60, {"subsampling": "4:2:0"}), ("webp", 70, {"method": 4})):
        buffer = io.BytesIO()
        Image.fromarray(part.pixels()).save(buffer, codec, quality=quality, **settings)
        expected = np.asarray(Image.open(buffer).convert("RGB"))
        saved = replace(part, saved=(codec, quality)).pixels()
        assert not np.array_equal(saved, part.pixels())
        assert np.abs(saved.astype(int) - expected).max() <= 2  # OpenCV and Pillow bring builds of libjpeg of their own
