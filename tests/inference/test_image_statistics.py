import cv2
import numpy as np
import pytest

from iqbench.inference.image_statistics import BAND, CENTRE, ENCODING, OF, TABLES, facts
from iqbench.interfaces import Photo
from iqbench.models.rules import terms


def test_the_facts_are_those_of_the_pixels(photo: Photo) -> None:
    found = facts(photo)
    assert found.pixels == photo.shape[0] * photo.shape[1]
    assert found.brightness == pytest.approx(photo.mean())
    assert found.sharpness == terms(photo)[0]


def test_the_size_of_a_file_is_that_of_every_third_band_three_times(photo: Photo) -> None:
    rows = photo.shape[0] // (OF * BAND) * OF * BAND
    bands = np.concatenate([photo[top + BAND : top + 2 * BAND] for top in range(0, rows, OF * BAND)])
    third = cv2.imencode(".jpg", bands[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    assert facts(photo[:rows]).encoded_bytes == TABLES + OF * (len(third) - TABLES)


def test_the_tables_are_what_stands_before_the_first_band(photo: Photo) -> None:
    file = cv2.imencode(".jpg", photo, ENCODING)[1].tobytes()
    scan = file.index(b"\xff\xda")  # start of scan, with its own length in the two bytes that follow
    assert scan + 2 + int.from_bytes(file[scan + 2 : scan + 4], "big") == TABLES


def test_the_size_of_a_file_is_about_what_saving_it_takes(photo: Photo) -> None:
    whole = len(cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])
    assert facts(photo).encoded_bytes == pytest.approx(whole, rel=0.1)


def test_a_picture_of_few_bands_is_saved_as_it_is(photo: Photo) -> None:
    flat = photo[: OF * BAND - 1]
    assert facts(flat).encoded_bytes == len(cv2.imencode(".jpg", flat[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])


def test_of_a_large_picture_the_centre_speaks_for_all_and_its_file_for_as_much_as_it_is(photo: Photo) -> None:
    centre = np.random.default_rng(0).integers(0, 256, (CENTRE, CENTRE, 3), dtype=np.uint8)
    whole = np.zeros((2 * CENTRE, CENTRE, 3), dtype=np.uint8)
    whole[CENTRE // 2 : CENTRE // 2 + CENTRE] = centre
    large, small = facts(whole), facts(centre)
    assert large.pixels == 2 * small.pixels
    assert large.encoded_bytes - TABLES == pytest.approx(2 * (small.encoded_bytes - TABLES), abs=1)
    assert (large.brightness, large.sharpness) == (small.brightness, small.sharpness)


def test_a_picture_longer_than_any_jpeg_has_facts_too() -> None:
    assert facts(np.zeros((8, 70_000, 3), dtype=np.uint8)).encoded_bytes > 0
