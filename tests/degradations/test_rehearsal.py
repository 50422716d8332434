"""The rehearsal of a suite on a synthetic photo."""

import cv2
import numpy as np
import pytest

from iqbench.degradations.blur import blur, blur_ladder
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.degradations.rehearsal import DIGEST_DIGITS, rehearse
from iqbench.errors import UsageError
from iqbench.interfaces import Photo, Variant


def custom(apply: object) -> list[Variant]:
    return suite({"own": Degradation("technical", [Ladder("", [Level("7", apply)])])})  # type: ignore[arg-type]


def broken(photo: Photo) -> Photo:
    raise ValueError("no idea\nat all")


@pytest.mark.parametrize(
    ("apply", "reason"),
    [
        (broken, r"own/7: fails on a synthetic photo \(ValueError: no idea at all in test_rehearsal\.py, line \d+\)"),
        (lambda photo: photo / 255, r"own/7: gave float64 \(96, 128, 3\), promised is uint8"),
        (lambda photo: photo[..., 0], r"own/7: gave uint8 \(96, 128\)"),
        (lambda photo: photo[..., :2], r"own/7: gave uint8 \(96, 128, 2\)"),
        (lambda photo: None, "own/7: gave NoneType"),
    ],
)
def test_a_degradation_that_fails_on_the_synthetic_photo_is_refused(apply: object, reason: str) -> None:
    rehearse(controls())
    with pytest.raises(UsageError, match=f"^degradation {reason}"):
        rehearse([*controls(), *custom(apply)])


def writes_into_its_input(photo: Photo) -> Photo:
    photo[:] = 0
    return photo


def test_a_degradation_that_changes_its_input_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^degradation own/7: fails .*read-only"):
        rehearse(custom(writes_into_its_input))


def random_noise(photo: Photo) -> Photo:
    noise = np.random.default_rng().normal(0, 5, photo.shape)
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def test_a_degradation_without_a_fixed_seed_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^degradation own/7: gives two different pictures of the same photo"):
        rehearse(custom(random_noise))


def test_each_level_has_a_digest_of_its_picture_that_never_changes() -> None:
    variants = suite({"blur": blur_ladder([1, 2, 4])})
    digests = rehearse(variants)
    assert list(digests) == [variant.key for variant in variants]
    assert len(set(digests.values())) == 3
    assert {len(digest) for digest in digests.values()} == {DIGEST_DIGITS}
    assert rehearse(variants) == digests
    assert rehearse(custom(lambda photo: blur(photo, 2.0)))["own/7"] == digests["blur/2.0"]


@pytest.mark.parametrize("threads", [1, 4])
def test_digests_do_not_depend_on_the_number_of_threads(threads: int) -> None:
    variants, thread_count = suite({"blur": blur_ladder([8])}), cv2.getNumThreads()
    expected = rehearse(variants)
    try:
        cv2.setNumThreads(threads)
        assert rehearse(variants) == expected
        assert cv2.getNumThreads() == threads  # the rehearsal leaves the setting as it was
    finally:
        cv2.setNumThreads(thread_count)


def test_pictures_of_other_sizes_have_other_digests_even_if_their_bytes_agree() -> None:
    def black(height: int, width: int) -> dict[str, str]:
        return rehearse(custom(lambda photo: np.zeros((height, width, 3), np.uint8)))

    assert black(40, 60) != black(60, 40)
