"""Series: photos of one burst are found by look and time."""

import cv2
import numpy as np
import pytest

from iqbench.culling.look import Look, distances, look_of
from iqbench.culling.metadata import Metadata
from iqbench.culling.series import SeriesLimits, series_of
from iqbench.errors import UsageError
from iqbench.interfaces import Photo

LIMITS = SeriesLimits(gap=10, look=28, look_alone=16)
UNKNOWN = Metadata()


def scene(seed: int, height: int = 240, width: int = 320) -> Photo:
    """A photo of large shapes, different for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def stops(photo: Photo, amount: float) -> Photo:
    return np.clip(np.rint(photo * 2.0**amount), 0, 255).astype(np.uint8)


COPIES = {
    "blurred": lambda photo: cv2.GaussianBlur(photo, (0, 0), 4),
    "shaken": lambda photo: cv2.blur(photo, (15, 1)),
    "dark": lambda photo: stops(photo, -2),
    "bright": lambda photo: stops(photo, 1),
    "without the top": lambda photo: photo[72:],
    "without the right": lambda photo: photo[:, :-64],
    "the middle": lambda photo: photo[36:-36, 48:-48],
    "small": lambda photo: cv2.resize(photo, (80, 60), interpolation=cv2.INTER_AREA),
}


def numbers(photos: list[Photo | None], taken: list[Metadata], limits: SeriesLimits = LIMITS) -> list[int]:
    return series_of([None if each is None else look_of(each) for each in photos], taken, limits).tolist()


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_copy_within_seconds_is_of_the_series(name: str, seed: int) -> None:
    photo = scene(seed)
    copy = np.ascontiguousarray(COPIES[name](photo))
    first, second = numbers([photo, copy], [Metadata(100.0), Metadata(103.0)])
    assert first == second


def test_the_same_place_on_another_day_is_another_series() -> None:
    photo = scene(0)
    assert len(set(numbers([photo, photo], [Metadata(0.0), Metadata(86400.0)]))) == 2
    assert len(set(numbers([photo, photo], [Metadata(0.0), Metadata(10.0)]))) == 1
    assert len(set(numbers([photo, photo], [Metadata(0.0), Metadata(10.5)]))) == 2


def test_another_scene_a_second_later_is_another_series() -> None:
    photos: list[Photo | None] = [scene(seed) for seed in range(12)]
    assert len(set(numbers(photos, [Metadata(float(second)) for second in range(12)]))) == 12


def test_without_a_time_the_look_alone_decides_and_more_strictly() -> None:
    photo, near = scene(0), np.ascontiguousarray(scene(0)[72:])
    assert len(set(numbers([photo, near], [UNKNOWN, UNKNOWN]))) == 1
    assert len(set(numbers([photo, near], [Metadata(5.0), UNKNOWN]))) == 1
    (distance,) = distances(look_of(photo), [look_of(near)])
    strict = SeriesLimits(gap=10, look=28, look_alone=distance - 0.1)
    assert len(set(numbers([photo, near], [UNKNOWN, UNKNOWN], strict))) == 2
    assert len(set(numbers([photo, near], [Metadata(0.0), Metadata(1.0)], strict))) == 1


def test_a_long_burst_is_one_series_though_its_ends_are_far_apart_in_time() -> None:
    photos: list[Photo | None] = [scene(3)] * 5
    assert len(set(numbers(photos, [Metadata(8.0 * at) for at in range(5)]))) == 1


def test_times_are_compared_in_utc_only_if_every_photo_has_an_offset() -> None:
    photo = scene(1)
    east, west = Metadata(7200.0, 7200), Metadata(3605.0, 3600)
    assert len(set(numbers([photo, photo], [east, west]))) == 1
    assert len(set(numbers([photo, photo, photo], [east, west, Metadata(90000.0)]))) == 3


def test_the_order_of_the_photos_changes_no_series() -> None:
    photos: list[Photo | None] = [scene(at // 3) for at in range(12)] + [None]
    taken = [Metadata(100.0 * (at // 3) + at % 3) for at in range(12)] + [UNKNOWN]
    expected = {frozenset(range(start, start + 3)) for start in range(0, 12, 3)} | {frozenset({12})}
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(13)
        found = numbers([photos[at] for at in order], [taken[at] for at in order])
        groups: dict[int, set[int]] = {}
        for at, number in zip(order.tolist(), found, strict=True):
            groups.setdefault(number, set()).add(at)
        assert {frozenset(group) for group in groups.values()} == expected


def test_flat_pictures_look_like_nothing_not_even_each_other() -> None:
    white = np.full((60, 80, 3), 255, np.uint8)
    assert len(set(numbers([white, white, scene(0)], [Metadata(0.0), Metadata(1.0), Metadata(2.0)]))) == 3


def test_a_distance_is_symmetric_and_zero_to_itself_and_survives_storage() -> None:
    looks = [look_of(scene(seed)) for seed in range(6)]
    table = np.array([distances(look, looks) for look in looks])
    assert np.array_equal(table, table.T)
    assert np.array_equal(np.diag(table), np.zeros(6))
    restored = [Look.from_bytes(look.to_bytes()) for look in looks]
    assert np.array_equal(np.array([distances(look, restored) for look in restored]), table)


def test_no_photos_are_no_series() -> None:
    assert numbers([], []) == []
    assert numbers([None], [UNKNOWN]) == [0]


@pytest.mark.parametrize(("key", "value"), [("gap", -1), ("look", 128), ("look_alone", -2), ("gap", float("nan"))])
def test_a_limit_out_of_range_is_refused(key: str, value: float) -> None:
    with pytest.raises(UsageError, match=rf"^series\.{key}="):
        SeriesLimits(**{"gap": 10, "look": 28, "look_alone": 16, key: value})
