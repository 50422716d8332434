"""A list of your own pairs: a CSV that says which photo is better than which."""

import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from iqbench.datasets.folder import shown
from iqbench.datasets.labelled import LabelledPhotos
from iqbench.datasets.pairs_csv import read_comparisons
from iqbench.errors import UsageError
from iqbench.hash_sampling import digest, hash_order
from iqbench.interfaces import PhotoFile, Split
from iqbench.labels import PairTable

log = logging.getLogger(__name__)

SPLITS: tuple[Split, ...] = ("train", "val", "test")


class PairList(LabelledPhotos):
    """Pairs from a CSV with the header ``better,worse`` and, if wanted, ``weight``; paths are relative to the list.

    Which photo of a pair stands first is drawn by lot, so that a constant answer is right in about
    half of them. Photos that are connected by pairs, over however many others, are one series, and no
    series is divided between splits. Where one series is too large for that, photos are divided
    instead, and pairs between splits are left out of all three.

    Args:
        file: The list.
        validation_share: Share of the pairs (or else photos) to choose the best epoch by.
        test_share: Share of the pairs (or else photos) to report on.
        cache: See `LabelledPhotos`.
        limit: See `LabelledPhotos`.
        seed: See `LabelledPhotos`; and which photo of a pair stands first.

    Raises:
        UsageError: If the shares leave nothing to learn from.
    """

    what = "list of pairs"
    evaluated_on: ClassVar[str] = "all"

    def __init__(
        self, file: str | None, validation_share: float, test_share: float, cache: str, limit: int | None, seed: int
    ) -> None:
        super().__init__(cache, limit, seed)
        for name, share in (("validation_share", validation_share), ("test_share", test_share)):
            if not 0 < share < 1:
                raise UsageError(f"data.{name}={share}: must be between 0 and 1")
        if validation_share + test_share >= 1:
            raise UsageError("data.validation_share + data.test_share: must be less than 1, the rest is for training")
        self.file = file
        self.validation_share = validation_share
        self.test_share = test_share

    @cached_property
    def everything(self) -> PairTable:
        """All pairs of the list, whichever split they are in, or none.

        Raises:
            UsageError: If the list is not there, or a line of it is wrong.
        """
        if not self.file:
            raise UsageError(
                "data.file is not set: give a CSV with the header better,worse (and, if wanted, weight) and paths "
                "relative to it, as data.file=list.csv"
            )
        file = Path(str(self.file)).expanduser()
        comparisons = read_comparisons(file)
        names = sorted({name for comparison in comparisons for name in comparison[:2]})
        place = {name: at for at, name in enumerate(names)}
        better = np.array([place[comparison.better] for comparison in comparisons])
        worse = np.array([place[comparison.worse] for comparison in comparisons])
        # drawn for the two names in whichever order, so that pairs that contradict each other stand alike
        lower_first = np.array([_lot(self.seed, *sorted(comparison[:2])) for comparison in comparisons])
        better_first = (better < worse) == lower_first
        return PairTable(
            photos=tuple(PhotoFile(shown(name), file.parent / name) for name in names),
            first=np.where(better_first, better, worse),
            second=np.where(better_first, worse, better),
            preference=better_first.astype(float),
            weight=np.array([comparison.weight for comparison in comparisons]),
            series=_connected(len(names), better, worse)[better],
        )

    def read(self) -> Mapping[Split, PairTable]:
        """Return the pairs of each split.

        Raises:
            UsageError: If the list is not there, or a line of it is wrong.
        """
        table = self.everything
        split = self._by_series(table)
        if split is None:
            split = self._by_photos(table)
            log.info(
                "%s: its series are too few or too large for three splits, so photos are divided; "
                "%s of %s pairs are between splits, left out",
                self.what,
                f"{int((split < 0).sum()):,}",
                f"{len(table):,}",
            )
        return {name: table.where(split == number) for number, name in enumerate(SPLITS)}

    def _by_series(self, table: PairTable) -> Int[np.ndarray, "n"] | None:
        """Return each pair's split if no series needs to be divided."""
        sizes = np.bincount(table.series)
        if len(sizes) < len(SPLITS) or sizes.max() > (1 - self.validation_share - self.test_share) * len(table):
            return None
        rows = np.unique(table.series, return_index=True)[1]
        left = hash_order(
            [table.photos[min(table.first[row], table.second[row])].name for row in rows], self.seed
        ).tolist()
        split = np.zeros(len(sizes), dtype=int)
        for name, share in (("test", self.test_share), ("val", self.validation_share)):
            taken = _filling(left, sizes, share * len(table))
            split[taken] = SPLITS.index(name)
            left = [series for series in left if series not in taken]
        of_pairs: np.ndarray[Any, Any] = split[table.series]
        return of_pairs

    def _by_photos(self, table: PairTable) -> Int[np.ndarray, "n"]:
        """Return each pair's split after the photos were divided; -1 where its photos are in two."""
        count = len(table.photos)
        order = hash_order([photo.name for photo in table.photos], self.seed)
        tests, validations = (max(1, round(share * count)) for share in (self.test_share, self.validation_share))
        split = np.zeros(count, dtype=int)
        split[order[:tests]] = SPLITS.index("test")
        split[order[tests : tests + validations]] = SPLITS.index("val")
        first, second = split[table.first], split[table.second]
        return np.where(first == second, first, -1)


def _filling(left: list[int], sizes: Int[np.ndarray, "series"], room: float) -> list[int]:
    """Return the series that fit into the room, in their order; if none does, the smallest."""
    taken = []
    for series in left:
        if sizes[series] <= room:
            room -= sizes[series]
            taken.append(series)
    return taken or [min(left, key=sizes.__getitem__)]


def _connected(count: int, one: Int[np.ndarray, "n"], other: Int[np.ndarray, "n"]) -> Int[np.ndarray, "count"]:
    """Return a number for each photo, the same for photos between which there is a way over pairs."""
    graph = coo_array((np.ones(len(one), dtype=bool), (one, other)), shape=(count, count))
    numbers: np.ndarray[Any, Any] = connected_components(graph, directed=False)[1]
    return numbers


def _lot(seed: int, *names: str) -> bool:
    """Return a coin's toss for some names; no name holds a NUL byte."""
    return digest(seed, *names, separator="\0")[0] % 2 == 0
