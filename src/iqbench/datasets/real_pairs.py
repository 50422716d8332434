"""The originals of a list of real damage, whose damaged photos are those of ``degradation=real``."""

from iqbench.datasets.cluster_choice import cluster_choice
from iqbench.datasets.passed_over import PassedOver
from iqbench.datasets.photo_names import display_name
from iqbench.datasets.sampling import usable_sample
from iqbench.degradations.real import read_real_pairs
from iqbench.errors import UsageError
from iqbench.interfaces import ClusterChoice, PhotoFile, PhotoListing
from iqbench.paths import absolute


class RealPairs:
    """The originals of a list of pairs, each once. Damaged photos are no photos of their own.

    Args:
        file: The list; see `iqbench.degradations.real.read_real_pairs`.
        root: The folder of its photos; see `iqbench.list_paths.listed_paths`.
        limit: Maximum number of originals; null for all.
        seed: Seed of the sample, if there are more originals than ``limit``.
        cluster: What makes photos one cluster; ``series`` does not apply.
        cache: Folder of the decode cache, which a limit uses; null for none.

    Raises:
        UsageError: If ``cluster`` is no choice.
    """

    def __init__(
        self,
        file: str | None,
        root: str | None,
        limit: int | None,
        seed: int,
        cluster: ClusterChoice = "look",
        cache: str | None = None,
    ) -> None:
        self.file = file
        self.root = root
        self.limit = limit
        self.seed = seed
        self.cluster = cluster_choice(cluster)
        self.cache = None if cache is None else absolute(cache, "data.cache")

    def photos(self) -> PhotoListing:
        """Return the originals sorted by name.

        Raises:
            UsageError: If the list is missing or has wrong lines.
        """
        if not self.file:
            raise UsageError(
                "data.file is not set: give a CSV with the header original,degraded,type (and optionally level), "
                "as data.file=pairs.csv"
            )
        originals = {pair.original for pair in read_real_pairs(self.file, self.root)}
        files = [PhotoFile(display_name(original.relative), original.path) for original in originals]
        passed_over = PassedOver()
        chosen = usable_sample(files, self.limit, self.seed, self.cache, passed_over)
        return PhotoListing(chosen, passed_over.counts, self.cluster, passed_over.examples)
