import subprocess
import sys
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from iqbench.datasets import samples
from iqbench.datasets.samples import Samples
from iqbench.errors import UsageError
from iqbench.photos import read

NAMES = [
    "./astronaut.png",
    "./chelsea.png",
    "./china.jpg",
    "./coffee.png",
    "./flower.jpg",
    "./grace_hopper.jpg",
    "./motorcycle_left.png",
    "./rocket.jpg",
]


def test_the_eight_sample_photos_exist_and_are_in_colour() -> None:
    listing = Samples(limit=None, seed=0).photos()
    assert [file.name for file in listing.files] == NAMES
    assert listing.ignored == {}
    for file in listing.files:
        photo = read(file.path)
        assert photo.notes == ()
        assert min(photo.pixels.shape[:2]) >= 300
        assert np.ptp(photo.pixels.astype(int), axis=2).max() > 50


def test_a_limit_takes_some_of_them() -> None:
    some = [file.name for file in Samples(limit=3, seed=1).photos().files]
    assert len(some) == 3
    assert some == sorted(some)
    assert set(some) < set(NAMES)


def test_listing_the_samples_imports_none_of_the_packages() -> None:
    code = (
        "import sys; from iqbench.datasets.samples import Samples; Samples(limit=None, seed=0).photos();"
        "print([name for name in ('skimage', 'sklearn', 'matplotlib') if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "[]", process.stderr


def test_a_missing_photo_names_the_package_to_reinstall(monkeypatch: pytest.MonkeyPatch) -> None:
    real = samples.find_spec
    for broken in (None, ModuleSpec("sklearn", None)):
        monkeypatch.setattr(
            samples, "find_spec", lambda name, broken=broken: broken if name == "sklearn" else real(name)
        )
        with pytest.raises(UsageError, match=r"china\.jpg is missing.* scikit-learn"):
            Samples(limit=None, seed=0).photos()


def test_a_limit_below_one_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match=r"data\.limit=0"):
        Samples(limit=0, seed=0).photos()
