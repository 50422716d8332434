"""The statistics of photos as tensors are those of photos."""

import numpy as np
import pytest
import torch

from fixtures.photos import noisy_gradient
from fixtures.sizes import as_tensor, awkward_photos
from iqbench.inference.image_statistics import CROP, Sums, image_statistics, statistics_of
from iqbench.inference.tensor_statistics import image_sums
from iqbench.interfaces import Photo

PHOTOS = awkward_photos()
PHOTOS |= {f"{h}x{w}": noisy_gradient(h, w) for h, w in [(CROP, CROP + 1), (1100, 900), (2000, 40), (31, 3000)]}


@pytest.mark.parametrize("photo", PHOTOS.values(), ids=PHOTOS)
def test_every_number_is_the_same(photo: Photo) -> None:
    both = [photo, np.ascontiguousarray(255 - photo[::-1])]
    rows = image_sums([torch.stack([as_tensor(each) for each in both])]).tolist()
    height, width = photo.shape[:2]
    assert [statistics_of(height, width, Sums(*row)) for row in rows] == [image_statistics(each) for each in both]
