"""Eight colour photos from packages that iqbench requires, for a benchmark without a download."""

from importlib.util import find_spec
from pathlib import Path

from iqbench.datasets.cluster_choice import cluster_choice
from iqbench.datasets.sampling import sample
from iqbench.errors import UsageError
from iqbench.interfaces import ClusterChoice, PhotoFile, PhotoListing

_PACKAGES = {
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
    """The sample photos. They are enough to see the benchmark work, and too few for conclusions.

    Args:
        limit: Maximum number of photos; null for all.
        seed: Seed of the sample, if there are more photos than ``limit``.
        cluster: What makes photos one cluster; ``series`` does not apply.

    Raises:
        UsageError: If ``cluster`` is no choice.
    """

    def __init__(self, limit: int | None, seed: int, cluster: ClusterChoice = "look") -> None:
        self.limit = limit
        self.seed = seed
        self.cluster = cluster_choice(cluster)

    def photos(self) -> PhotoListing:
        """Return the photos sorted by name.

        Raises:
            UsageError: If an installed package lacks its photos.
        """
        files = [
            _installed(name, package, module, folder)
            for (package, module, folder), names in _PACKAGES.items()
            for name in names
        ]
        return PhotoListing(sample(files, self.limit, self.seed), {}, self.cluster)


def _installed(name: str, package: str, module: str, folder: str) -> PhotoFile:
    """Return a photo in an installed package, without importing the package, which would take seconds."""
    spec = find_spec(module)
    for home in (spec and spec.submodule_search_locations) or ():
        path = Path(home) / folder / name
        if path.is_file():
            return PhotoFile(f"./{name}", path)
    raise UsageError(f"sample photo {name} is missing: reinstall it with `pip install --force-reinstall {package}`")
