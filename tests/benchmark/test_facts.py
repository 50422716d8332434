import cv2
import numpy as np
import pytest

from iqbench.benchmark.facts import CENTRE, facts
from iqbench.interfaces import Photo
from iqbench.models.rules import terms


def test_the_facts_are_those_of_the_pixels(photo: Photo) -> None:
    found = facts(photo)
    assert found.pixels == photo.shape[0] * photo.shape[1]
    assert found.brightness == pytest.approx(photo.mean())
    assert found.sharpness == terms(photo)[0]
    assert found.encoded_bytes == len(cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def test_of_a_large_picture_the_centre_speaks_for_all_and_its_file_for_as_much_as_it_is(photo: Photo) -> None:
    centre = np.random.default_rng(0).integers(0, 256, (CENTRE, CENTRE, 3), dtype=np.uint8)
    whole = np.zeros((2 * CENTRE, CENTRE, 3), dtype=np.uint8)
    whole[CENTRE // 2 : CENTRE // 2 + CENTRE] = centre
    large, small = facts(whole), facts(centre)
    assert (large.pixels, large.encoded_bytes) == (2 * small.pixels, 2 * small.encoded_bytes)
    assert (large.brightness, large.sharpness) == (small.brightness, small.sharpness)


def test_a_picture_longer_than_any_jpeg_has_facts_too() -> None:
    assert facts(np.zeros((8, 70_000, 3), dtype=np.uint8)).encoded_bytes > 0
