"""Blur, JPEG and resize on tensors have the bytes of OpenCV, libjpeg and torchvision."""

import math
from unittest import mock

import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as transforms

from fixtures.sizes import as_photo, as_tensor, awkward_photos
from iqbench.exact.blur import gaussian_blur
from iqbench.exact.jpeg import Transformed, jpeg
from iqbench.exact.jpeg_size import encoded_bytes
from iqbench.exact.resize import resize
from iqbench.interfaces import Photo

PHOTOS = awkward_photos()
QUALITIES = [1, 2, 10, 20, 40, 49, 50, 60, 80, 95, 100]


@pytest.fixture(params=PHOTOS.values(), ids=PHOTOS)
def photo(request: pytest.FixtureRequest) -> Photo:
    return np.asarray(request.param)


@pytest.mark.parametrize("sigma", [0.3, 0.6, 1, 2, 4, 8, 12.5, 30])
def test_blur(photo: Photo, sigma: float, device: torch.device) -> None:
    side = 2 * math.ceil(3 * sigma) + 1
    expected = cv2.GaussianBlur(photo, (side, side), sigma)
    assert np.array_equal(as_photo(gaussian_blur(as_tensor(photo).to(device), sigma)), expected)


def encoded(photo: Photo, quality: int) -> np.ndarray:
    chroma = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    return cv2.imencode(".jpg", photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality, *chroma])[1]


def test_jpeg_and_its_number_of_bytes(photo: Photo, device: torch.device) -> None:
    tensor = as_tensor(photo).to(device).unsqueeze(0)
    transformed = Transformed.of(tensor)
    for quality in QUALITIES:
        file = encoded(photo, quality)
        decoded = cv2.imdecode(file, cv2.IMREAD_COLOR)[..., ::-1]
        assert np.array_equal(as_photo(transformed.decoded(quality)[0]), decoded), quality
        assert np.array_equal(as_photo(jpeg(tensor, quality)[0]), decoded), quality
        assert encoded_bytes([tensor], quality).tolist() == [len(file)], quality


@pytest.mark.parametrize("size", [(7, 5), (32, 32), (224, 150), (150, 224), (301, 224), (500, 600)])
def test_resize(photo: Photo, size: tuple[int, int], device: torch.device) -> None:
    expected = transforms.resize(as_tensor(photo), list(size), antialias=True)
    assert torch.equal(resize(as_tensor(photo).to(device), *size).cpu(), torch.as_tensor(expected))


def test_photos_of_one_size_are_worked_on_together(device: torch.device) -> None:
    photos = [np.random.default_rng(seed).integers(0, 256, (40, 50, 3), dtype=np.uint8) for seed in range(4)]
    together = torch.stack([as_tensor(photo) for photo in photos]).to(device)
    for work in (lambda p: gaussian_blur(p, 2), lambda p: jpeg(p, 40), lambda p: resize(p, 30, 20)):
        assert torch.equal(work(together), torch.cat([work(one.unsqueeze(0)) for one in together]))
    sizes = [len(encoded(photo, 95)) for photo in photos]
    assert encoded_bytes([together[:1], together[1:]], 95).tolist() == sizes
    assert len(set(sizes)) > 1


@pytest.mark.parametrize("mcus", [1, 13, 40])
def test_the_number_of_bytes_is_computed_for_few_photos_at_a_time(mcus: int) -> None:
    by_size = [
        [np.random.default_rng(at).integers(0, 256, (40, width, 3), dtype=np.uint8) for at in range(5)]
        for width in (50, 70)
    ]
    together = [torch.stack([as_tensor(photo) for photo in photos]) for photos in by_size]
    with mock.patch("iqbench.exact.jpeg_size.MCUS_TOGETHER", mcus):
        found = encoded_bytes(together, 95).tolist()
    assert found == [len(encoded(photo, 95)) for photos in by_size for photo in photos]


def test_a_byte_of_ones_is_followed_by_a_zero() -> None:
    """Such bytes are rare: of these files some have many, and their number is part of the size."""
    photos = [np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8) for seed in range(8)]
    files = [encoded(photo, 100) for photo in photos]
    scans = [file.tobytes()[623:-2] for file in files]
    assert sum(scan.count(b"\xff\x00") for scan in scans) > 8
    assert all(scan.count(b"\xff") == scan.count(b"\xff\x00") for scan in scans)
    assert encoded_bytes([torch.stack([as_tensor(photo) for photo in photos])], 100).tolist() == [*map(len, files)]
