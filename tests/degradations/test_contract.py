"""What every file in conf/degradation must keep to: a new one is tested without touching this."""

import os
from collections import Counter
from collections.abc import Sequence
from functools import cache

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut

from fixtures.photos import noisy_gradient
from fixtures.sizes import as_photo, as_tensor
from fixtures.subjects import grass, with_subject
from iqbench.config import CONF_DIR, build, compose
from iqbench.datasets.samples import Samples
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.errors import MissingResource, UsageError
from iqbench.exact.forms import tensor_form_of
from iqbench.interfaces import NotApplicable, Photo, PhotoFile, Variant
from iqbench.photos import read

NAMES = sorted(path.stem for path in (CONF_DIR / "degradation").glob("*.yaml"))
SIZES = [(32, 32), (33, 47), (101, 32), (64, 203)]
SAMPLES = {file.path.stem: file for file in Samples(limit=None, seed=0).photos().files}


@cache
def variants_of(name: str, *overrides: str) -> tuple[Variant, ...]:
    """The suite that degradation=NAME stands for."""
    here = ["name=test", "out=nowhere", f"paths.cache={os.devnull}"]  # no cache: no file that only this machine has
    config = compose("bench", [f"degradation={name}", *here, *overrides])
    try:
        kinds = {type_: build(node, f"degradation.{type_}") for type_, node in config.degradation.items()}
    except MissingResource as reason:
        pytest.skip(str(reason))
    return tuple(variant for variant in suite(kinds) if variant.group != "control")


def outcome(variant: Variant, photo: Photo) -> Photo:
    """The variant of a photo without a file, or the reason why it cannot be made of it, as bytes."""
    try:
        return variant.picture(photo, None)
    except NotApplicable as reason:
        return np.frombuffer(f"not applicable: {reason}".encode(), np.uint8)


@cache
def fitting_photo(name: str) -> Photo:
    """A photo of which the damage can be made, if there is one among the samples."""
    samples = [cv2.resize(astronaut(), (160, 160), interpolation=cv2.INTER_AREA)]
    for photo in [noisy_gradient(95, 127), with_subject(grass(), (40, 80, 70, 120)), *samples]:
        if all(outcome(variant, photo).ndim == 3 for variant in variants_of(name) if not variant.needs_context):
            return photo
    pytest.skip("cannot be made of the sample photos, such as without the network that finds subjects")


def ladders_of(variants: Sequence[Variant]) -> dict[str, list[Variant]]:
    ladders: dict[str, list[Variant]] = {}
    for variant in variants:
        ladders.setdefault(variant.ladder, []).append(variant)
    return ladders


def damage(variant: Variant, photo: Photo) -> float:
    """What is lost: pixels for a crop, else the mean absolute difference.

    The difference orders the levels of every kind so far on every photo tried, also where it says little about how bad
    a level looks (posterization, over-sharpening): each level moves every pixel as far as the one before, or further.
    """
    result = variant.picture(photo, None)
    if variant.group == "compositional":
        return 1 - result[..., 0].size / photo[..., 0].size
    return float(np.abs(result.astype(float) - photo).mean())


def assert_that_levels_climb(name: str, photo: Photo) -> None:
    for ladder in ladders_of(variants_of(name)).values():
        made = [variant for variant in ladder if not variant.needs_context and outcome(variant, photo).ndim == 3]
        steps = [0.0, *(damage(variant, photo) for variant in made)]
        assert steps == sorted(set(steps)), f"{ladder[0].ladder}: {steps}"


def test_there_are_degradations_to_test() -> None:
    assert len(NAMES) >= 8


@pytest.mark.parametrize("name", NAMES)
class TestEveryDegradation:
    def test_the_photo_is_left_alone(self, name: str, photo: Photo) -> None:
        original = photo.copy()
        for variant in variants_of(name):
            outcome(variant, photo)
            assert np.array_equal(photo, original), variant.key

    def test_a_photo_that_cannot_be_written_to_is_fine(self, name: str, photo: Photo) -> None:
        locked = photo.copy()
        locked.flags.writeable = False
        for variant in variants_of(name):
            assert np.array_equal(outcome(variant, locked), outcome(variant, photo)), variant.key

    def test_the_same_photo_gives_the_same_result(self, name: str, photo: Photo) -> None:
        for variant in variants_of(name):
            assert np.array_equal(outcome(variant, photo), outcome(variant, photo.copy())), variant.key

    @pytest.mark.parametrize("size", SIZES)
    def test_the_result_is_a_photo_at_any_size(self, name: str, size: tuple[int, int]) -> None:
        photo = noisy_gradient(*size)
        for variant in variants_of(name):
            result = outcome(variant, photo)
            if result.ndim == 1:  # not applicable
                continue
            assert (result.dtype, result.ndim, result.shape[2]) == (np.uint8, 3, 3), variant.key
            assert min(result.shape) > 0, variant.key
            assert (result.shape == photo.shape) == (variant.group != "compositional"), variant.key

    def test_the_result_does_not_depend_on_how_the_photo_lies_in_memory(self, name: str, photo: Photo) -> None:
        mirrored = np.ascontiguousarray(photo[:, ::-1])[:, ::-1]
        assert not mirrored.flags.c_contiguous
        for variant in variants_of(name):
            assert np.array_equal(outcome(variant, mirrored), outcome(variant, photo)), variant.key

    def test_the_result_does_not_depend_on_the_number_of_threads(self, name: str, photo: Photo) -> None:
        expected = [outcome(variant, photo) for variant in variants_of(name)]
        threads = cv2.getNumThreads()
        try:
            cv2.setNumThreads(0)
            single = [outcome(variant, photo) for variant in variants_of(name)]
        finally:
            cv2.setNumThreads(threads)
        assert all(np.array_equal(a, b) for a, b in zip(expected, single, strict=True))

    def test_every_level_does_something_and_the_next_one_more(self, name: str) -> None:
        assert_that_levels_climb(name, fitting_photo(name))
        for ladder in ladders_of(variants_of(name)).values():
            assert [variant.severity for variant in ladder] == list(range(1, len(ladder) + 1))

    @pytest.mark.parametrize("sample", ["coffee", "grace_hopper"])
    def test_levels_climb_on_real_photos_made_small(self, name: str, sample: str) -> None:
        whole = read(SAMPLES[sample].path).pixels
        photo = np.asarray(cv2.resize(whole, (120, 90), interpolation=cv2.INTER_AREA))
        assert_that_levels_climb(name, photo)

    @pytest.mark.slow
    @pytest.mark.parametrize("file", SAMPLES.values(), ids=SAMPLES)
    def test_levels_climb_on_real_photos(self, name: str, file: PhotoFile) -> None:
        # Some are JPEG: saved again with their own quality on the same blocks, they would lose next to nothing.
        off_the_blocks = np.ascontiguousarray(read(file.path).pixels[3:, 5:])
        assert_that_levels_climb(name, off_the_blocks)

    @pytest.mark.slow
    @pytest.mark.parametrize("size", [(66_000, 8), (8, 66_000)])
    def test_a_very_long_photo_is_damaged_or_has_the_reason_why_not(self, name: str, size: tuple[int, int]) -> None:
        photo = noisy_gradient(*size)
        for variant in variants_of(name):
            try:
                result = outcome(variant, photo)
            except cv2.error as error:
                if variant.group != "semantic":
                    raise
                pytest.xfail(f"filling moves pixels with cv2.remap, which takes 32,766 px a side: {error}")
            if result.ndim == 1:
                assert result.tobytes().startswith(b"not applicable: ")
            else:
                assert (result.shape == photo.shape) == (variant.group != "compositional"), variant.key

    @pytest.mark.parametrize("value", [0, 128, 255])
    def test_a_photo_without_anything_in_it_is_fine(self, name: str, value: int) -> None:
        for variant in variants_of(name):
            picture = outcome(variant, np.full((40, 51, 3), value, np.uint8))
            assert picture.dtype == np.uint8, variant.key
            assert picture.ndim == 1 or picture.shape[2] == 3, variant.key

    def test_levels_are_named_once_and_ladders_lie_together(self, name: str) -> None:
        variants = variants_of(name)
        assert len({variant.key for variant in variants}) == len(variants)
        assert [v.key for ladder in ladders_of(variants).values() for v in ladder] == [v.key for v in variants]

    def test_a_type_has_one_group_and_its_ladders_bear_its_name(self, name: str) -> None:
        for variant in variants_of(name):
            assert variant.group in ("technical", "compositional", "semantic")
            assert variant.ladder.split("/")[0] == variant.type


def test_the_standard_suite_is_the_27_variants_of_the_protocol() -> None:
    levels: dict[str, list[str]] = {}
    for variant in variants_of("standard"):
        levels.setdefault(variant.type, []).append(variant.level)
    assert levels == {
        "blur": ["1.0", "2.0", "4.0", "8.0"],
        "jpeg": ["80", "60", "40", "20", "10"],
        "exposure": ["-1", "-2", "1", "2"],
        "crop_edge": ["right_20pct", "right_30pct", "bottom_20pct", "bottom_30pct"],
        "crop_corner": ["top_left_70pct", "top_left_60pct", "bottom_right_70pct", "bottom_right_60pct"],
        "crop_aspect": ["tall_60pct", "tall_50pct", "wide_60pct", "wide_50pct"],
        "crop_center": ["70pct", "60pct"],
    }
    assert sum(map(len, levels.values())) == 27


def test_the_standard_suite_has_a_ladder_for_each_direction_and_place() -> None:
    assert Counter(variant.ladder for variant in variants_of("standard")) == {
        "blur": 4,
        "jpeg": 5,
        "exposure/darker": 2,
        "exposure/brighter": 2,
        "crop_edge/right": 2,
        "crop_edge/bottom": 2,
        "crop_corner/top_left": 2,
        "crop_corner/bottom_right": 2,
        "crop_aspect/tall": 2,
        "crop_aspect/wide": 2,
        "crop_center": 2,
    }


def test_the_standard_suite_is_technical_and_compositional_as_the_protocol_says() -> None:
    groups = {variant.type: variant.group for variant in variants_of("standard")}
    assert {type_ for type_, group in groups.items() if group == "technical"} == {"blur", "jpeg", "exposure"}


def test_the_standard_suite_multiplies_encoded_values() -> None:
    brighter = next(v for v in variants_of("exposure") if v.level == "1")
    assert brighter.apply(np.full((32, 32, 3), 100, np.uint8))[0, 0].tolist() == [200, 200, 200]


def test_levels_are_sorted_mild_to_severe_however_they_are_given() -> None:
    variants = variants_of("jpeg", "degradation.jpeg.quality=[10,90,50]")
    assert [(variant.level, variant.severity) for variant in variants] == [("90", 1), ("50", 2), ("10", 3)]


def test_a_level_given_twice_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"level given twice: blur/2\.0"):
        variants_of("blur", "degradation.blur.sigma=[1,2,2.0]")


def test_two_ladders_with_a_level_of_one_name_are_refused() -> None:
    same = Level("70pct", lambda photo: photo)
    twice = Degradation("compositional", [Ladder("left", [same]), Ladder("right", [same])])
    with pytest.raises(UsageError, match="own/70pct"):
        suite({"own": twice})


@pytest.mark.parametrize("name", NAMES)
def test_the_controls_are_no_part_of_any_suite(name: str) -> None:
    keys = {variant.key for variant in variants_of(name)}
    assert keys.isdisjoint(variant.key for variant in controls())


@pytest.mark.parametrize("name", NAMES)
def test_a_form_for_tensors_gives_the_same_bytes(name: str) -> None:
    variants = [(variant, form) for variant in variants_of(name) if (form := tensor_form_of(variant.apply)) is not None]
    if not variants:
        pytest.skip("has no form for tensors")
    for height, width in [*SIZES, (257, 130)]:
        two = [noisy_gradient(height, width, seed) for seed in (0, 1)]
        tensors = torch.stack([as_tensor(photo) for photo in two])
        for variant, form in variants:
            copies = form.apply(tensors if form.start is None else form.start(tensors))
            for copy, photo in zip(copies, two, strict=True):
                assert np.array_equal(as_photo(copy), variant.picture(photo, None)), (variant.key, height, width)


def test_the_whole_standard_suite_can_be_made_of_tensors() -> None:
    assert all(tensor_form_of(variant.apply) for variant in [*variants_of("standard"), *controls()])


def test_what_cannot_be_made_of_a_photo_cannot_be_made_of_a_tensor() -> None:
    [variant, *_] = variants_of("jpeg")
    form = tensor_form_of(variant.apply)
    assert form is not None
    assert form.start is not None
    with pytest.raises(NotApplicable, match="no side longer than 65,500 px"):
        form.start(torch.zeros(1, 3, 1, 65_501, dtype=torch.uint8))
