"""Small photos that every test gets afresh."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from iqbench.datasets.folder import Folder
from iqbench.interfaces import Photo, PhotoFile


def noisy_gradient(height: int, width: int, seed: int = 0) -> Photo:
    """A colour gradient with noise: something to lose for every kind of damage, at both ends of the scale."""
    y, x = np.mgrid[:height, :width]
    gradient = np.stack([255 * x / width, 255 * y / height, 160 * (x + y) / (width + height)], axis=-1)
    noise = np.random.default_rng(seed).normal(0, 25, (height, width, 3))
    return np.clip(gradient + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def photo() -> Photo:
    """A photo of odd sides."""
    return noisy_gradient(95, 127)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three photos, of different sizes and shapes."""
    root = tmp_path / "photos"
    root.mkdir()
    for name, height, width in (("a.png", 60, 80), ("b.png", 81, 53), ("c.png", 64, 64)):
        Image.fromarray(noisy_gradient(height, width, seed=height)).save(root / name)
    return root


@pytest.fixture
def files(folder: Path) -> list[PhotoFile]:
    """The photos of `folder`, as they are found there."""
    return list(Folder(str(folder), limit=None, seed=0).photos().files)
