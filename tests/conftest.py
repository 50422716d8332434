"""Small photos that every test gets afresh, and the devices."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image

from fixtures.photos import noisy_gradient
from iqbench.datasets.folder import Folder
from iqbench.interfaces import Photo, PhotoFile

collect_ignore = ["fixtures/other_system"]
"""Hides what only Unix has as soon as it is imported, which collecting doctests would do."""


def pytest_configure(config: pytest.Config) -> None:
    """Hide NVIDIA GPUs from all tests but those with the marker ``gpu``: the others mean the CPU.

    Once CUDA has started in a process, its workers are not forked any more, so a test would depend on those before it.
    """
    if "gpu" not in config.option.markexpr:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


@pytest.fixture
def gpu() -> torch.device:
    """The GPU of this machine; a test that asks for it has the marker ``gpu``."""
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU, and make gpu")
    return torch.device("cuda")


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """The CPU and, if there is one, the GPU."""
    return torch.device("cpu") if request.param == "cpu" else request.getfixturevalue("gpu")


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


@pytest.fixture(autouse=True, scope="session")
def no_downloads() -> Iterator[None]:
    """No test downloads with pip, whose client iqbench asks for the network that finds subjects."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        yield


@pytest.fixture(autouse=True, scope="session")
def one_date() -> Iterator[None]:
    """The same date for every run, so that the reports of runs with the same results have the same bytes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", "0")
        yield
