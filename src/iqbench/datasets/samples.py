"""Eight real colour photos that come with packages iqbench needs anyway: a benchmark that runs without a download."""

from importlib.util import find_spec
from pathlib import Path

from iqbench.datasets.folder import sample
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoFile, PhotoListing

_PLACES = {
    ("scikit-image", "skimage", "data"): (
        "astronaut.png",
        "chelsea.png",
        "coffee.png",
        "motorcycle_left.png",
        "rocket.jpg",
    ),
    ("scikit-learn", "sklearn", "datasets/images"): ("china.jpg", "flower.jpg"),
    ("matplotlib", "matplotlib", "mpl-data/sample_data"): ("grace_hopper.jpg",),
}


class Samples:
    """The sample photos, or some of them. Enough to see a benchmark work, too few for a verdict.

    Args:
        limit: At most so many photos; null for all.
        seed: Which photos, if there are more than ``limit``.
    """

    def __init__(self, limit: int | None, seed: int) -> None:
        self.limit = limit
        self.seed = seed

    def photos(self) -> PhotoListing:
        """Return the photos sorted by name.

        Raises:
            UsageError: If an installed package lacks its photos.
        """
        files = [
            _installed(name, package, module, folder)
            for (package, module, folder), names in _PLACES.items()
            for name in names
        ]
        return PhotoListing(sample(files, self.limit, self.seed), ignored={})


def _installed(name: str, package: str, module: str, folder: str) -> PhotoFile:
    """Return a photo's place. The package is found but not imported, which would take seconds."""
    spec = find_spec(module)
    for home in (spec and spec.submodule_search_locations) or ():
        path = Path(home) / folder / name
        if path.is_file():
            return PhotoFile(f"./{name}", path)
    raise UsageError(f"sample photo {name} is missing: reinstall it with `pip install --force-reinstall {package}`")
