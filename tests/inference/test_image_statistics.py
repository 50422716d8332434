import cv2
import numpy as np
import pytest

from iqbench.inference.image_statistics import BAND, CROP, ENCODING, HEADER, STRIDE, image_statistics
from iqbench.interfaces import Photo
from iqbench.models.rules import terms


def test_the_statistics_are_those_of_the_pixels(photo: Photo) -> None:
    statistics = image_statistics(photo)
    assert statistics.pixels == photo.shape[0] * photo.shape[1]
    assert statistics.brightness == pytest.approx(photo.mean())
    assert statistics.sharpness == terms(photo)[0]


def test_the_size_of_a_file_is_that_of_every_third_band_three_times(photo: Photo) -> None:
    rows = photo.shape[0] // (STRIDE * BAND) * STRIDE * BAND
    bands = np.concatenate([photo[top + BAND : top + 2 * BAND] for top in range(0, rows, STRIDE * BAND)])
    third = cv2.imencode(".jpg", bands[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    assert image_statistics(photo[:rows]).encoded_bytes == HEADER + STRIDE * (len(third) - HEADER)


def test_the_header_is_everything_before_the_first_band(photo: Photo) -> None:
    file = cv2.imencode(".jpg", photo, ENCODING)[1].tobytes()
    scan = file.index(b"\xff\xda")  # start of scan, with its own length in the two bytes that follow
    assert scan + 2 + int.from_bytes(file[scan + 2 : scan + 4], "big") == HEADER


def test_the_size_of_a_file_is_about_what_saving_it_takes(photo: Photo) -> None:
    encoded_size = len(cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1])
    assert image_statistics(photo).encoded_bytes == pytest.approx(encoded_size, rel=0.1)


def test_a_picture_of_few_bands_is_saved_as_it_is(photo: Photo) -> None:
    flat = photo[: STRIDE * BAND - 1]
    assert image_statistics(flat).encoded_bytes == len(
        cv2.imencode(".jpg", flat[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    )


def test_a_large_picture_has_the_statistics_of_its_centre_and_the_encoded_bytes_of_its_whole_size(photo: Photo) -> None:
    centre = np.random.default_rng(0).integers(0, 256, (CROP, CROP, 3), dtype=np.uint8)
    picture = np.zeros((2 * CROP, CROP, 3), dtype=np.uint8)
    picture[CROP // 2 : CROP // 2 + CROP] = centre
    large, small = image_statistics(picture), image_statistics(centre)
    assert large.pixels == 2 * small.pixels
    assert large.encoded_bytes - HEADER == pytest.approx(2 * (small.encoded_bytes - HEADER), abs=1)
    assert (large.brightness, large.sharpness) == (small.brightness, small.sharpness)


def test_a_picture_longer_than_any_jpeg_has_statistics_too() -> None:
    assert image_statistics(np.zeros((8, 70_000, 3), dtype=np.uint8)).encoded_bytes > 0
