"""A user's own pairs of photos, from a CSV file with a better and a worse photo in each row."""

import logging
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from iqbench.datasets.labelled import SPLITS, LabelledPhotos
from iqbench.datasets.pairs_csv import read_comparisons
from iqbench.datasets.photo_names import display_name
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_coin, hash_order
from iqbench.interfaces import ClusterChoice, PhotoFile, Split
from iqbench.labels import PairTable
from iqbench.paths import absolute

log = logging.getLogger(__name__)


class PairList(LabelledPhotos):
    """Pairs from a CSV with the header ``better,worse`` and an optional ``weight``, whose photos lie in one folder.

    The order within a pair is random, so a constant answer is right in about half of them. Photos
    that are connected by pairs, directly or through others, are one series, and no series is divided
    between splits. If a series is too large for that, the photos are divided instead, and pairs with
    photos in two splits are left out.

    Args:
        file: The CSV file.
        validation_share: Share of the pairs (or else photos) to choose the best epoch by.
        test_share: Share of the pairs (or else photos) to report on.
        cache: See `LabelledPhotos`.
        limit: See `LabelledPhotos`.
        seed: See `LabelledPhotos`; also the seed of the order within pairs.
        root: The folder of the photos, to which paths are relative, None for that of the file. Absolute paths must
            lie in it.
        cluster: See `LabelledPhotos`. A series is named after its first photo; one that holds most pairs, as in a
            list of arbitrary pairs, is no series for the benchmark.

    Raises:
        UsageError: If the shares leave no training pairs.
    """

    title = "list of pairs"
    evaluated_on: ClassVar[str] = "all"
    has_series = True

    def __init__(
        self,
        file: str | None,
        validation_share: float,
        test_share: float,
        cache: str | None,
        limit: int | None,
        seed: int,
        cluster: ClusterChoice = "series",
        root: str | None = None,
    ) -> None:
        super().__init__(cache, limit, seed, cluster)
        for name, share in (("validation_share", validation_share), ("test_share", test_share)):
            if not 0 < share < 1:
                raise UsageError(f"data.{name}={share}: must be between 0 and 1")
        if validation_share + test_share >= 1:
            raise UsageError("data.validation_share + data.test_share: must be less than 1, the rest is for training")
        self.file = file
        self.root = root
        self.validation_share = validation_share
        self.test_share = test_share

    @cached_property
    def all_labels(self) -> PairTable:
        """All pairs of the list, including those that no split contains.

        Raises:
            UsageError: If the list is missing or has wrong lines.
        """
        if not self.file:
            raise UsageError(
                "data.file is not set: give a CSV with the header better,worse (and optionally weight) and paths "
                "relative to it, as data.file=list.csv"
            )
        file = absolute(str(self.file), "data.file")
        given = None if self.root is None else absolute(str(self.root), "data.root")
        if given is not None and not given.is_dir():
            raise UsageError(
                f"data.root={self.root}: {'is a file; give its folder' if given.exists() else 'no such folder'}"
            )
        root = given or file.parent
        comparisons = read_comparisons(file, given)
        names = sorted({name for comparison in comparisons for name in comparison[:2]})
        position = {name: index for index, name in enumerate(names)}
        better = np.array([position[comparison.better] for comparison in comparisons])
        worse = np.array([position[comparison.worse] for comparison in comparisons])
        # tossed for the sorted names, so that contradicting rows have their photos in the same order
        lower_first = np.array([hash_coin(*sorted(comparison[:2]), seed=self.seed) for comparison in comparisons])
        better_first = (better < worse) == lower_first
        series = _components(len(names), better, worse)
        first_of_series = np.unique(series, return_index=True)[1]
        most = 2 * np.bincount(series[better]) > len(better)
        series_names = [
            "" if large else display_name(names[at]) for at, large in zip(first_of_series, most, strict=True)
        ]
        return PairTable(
            photos=tuple(
                PhotoFile(display_name(name), root / name, series=series_names[number])
                for name, number in zip(names, series.tolist(), strict=True)
            ),
            first=np.where(better_first, better, worse),
            second=np.where(better_first, worse, better),
            preference=better_first.astype(float),
            weight=np.array([comparison.weight for comparison in comparisons]),
            series=series[better],
        )

    def read(self) -> Mapping[Split, PairTable]:
        """Return the pairs of each split.

        Raises:
            UsageError: If the list is missing or has wrong lines.
        """
        table = self.all_labels
        split = self._by_series(table)
        if split is None:
            split = self._by_photos(table)
            log.info(
                "%s: its series are too few or too large for three splits, so photos are divided; "
                "%s of %s pairs have photos in two splits and are left out",
                self.title,
                f"{int((split < 0).sum()):,}",
                f"{len(table):,}",
            )
        return {name: table.where(split == number) for number, name in enumerate(SPLITS)}

    def _by_series(self, table: PairTable) -> Int[np.ndarray, "n"] | None:
        """Return each pair's split, or None if a series would have to be divided."""
        sizes = np.bincount(table.series)
        if len(sizes) < len(SPLITS) or sizes.max() > (1 - self.validation_share - self.test_share) * len(table):
            return None
        rows = np.unique(table.series, return_index=True)[1]
        remaining = hash_order(
            [table.photos[min(table.first[row], table.second[row])].name for row in rows], self.seed
        ).tolist()
        split_of_series = np.zeros(len(sizes), dtype=int)
        for name, share in (("test", self.test_share), ("val", self.validation_share)):
            chosen = _fill(remaining, sizes, share * len(table))
            split_of_series[chosen] = SPLITS.index(name)
            remaining = [series for series in remaining if series not in chosen]
        split: np.ndarray[Any, Any] = split_of_series[table.series]
        return split

    def _by_photos(self, table: PairTable) -> Int[np.ndarray, "n"]:
        """Return each pair's split with the photos divided; -1 for a pair with photos in two splits."""
        count = len(table.photos)
        order = hash_order([photo.name for photo in table.photos], self.seed)
        tests, validations = (max(1, round(share * count)) for share in (self.test_share, self.validation_share))
        split = np.zeros(count, dtype=int)
        split[order[:tests]] = SPLITS.index("test")
        split[order[tests : tests + validations]] = SPLITS.index("val")
        first, second = split[table.first], split[table.second]
        return np.where(first == second, first, -1)


def _fill(candidates: list[int], sizes: Int[np.ndarray, "series"], capacity: float) -> list[int]:
    """Return the series that fit into the capacity, in their order; the smallest series if none fits."""
    chosen = []
    for series in candidates:
        if sizes[series] <= capacity:
            capacity -= sizes[series]
            chosen.append(series)
    return chosen or [min(candidates, key=sizes.__getitem__)]


def _components(count: int, first: Int[np.ndarray, "n"], second: Int[np.ndarray, "n"]) -> Int[np.ndarray, "count"]:
    """Return each photo's connected component in the graph of pairs."""
    graph = coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(count, count))
    numbers: np.ndarray[Any, Any] = connected_components(graph, directed=False)[1]
    return numbers
