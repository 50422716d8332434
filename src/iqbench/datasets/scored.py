"""Photos with mean opinions of people: any list ``photo,score[,sd]``, and the base of the sets that have a reader."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from iqbench.datasets.examples import Examples, Learner
from iqbench.datasets.labelled import SPLITS, LabelledPhotos
from iqbench.datasets.photo_names import display_name
from iqbench.datasets.score_list import ScoreList, read_scores
from iqbench.errors import UsageError
from iqbench.interfaces import ClusterChoice, PhotoFile, Split
from iqbench.labels import ScoreTable, for_training
from iqbench.list_paths import listed_paths
from iqbench.paths import absolute


class ScoredPhotos(LabelledPhotos):
    """A set of photos with mean opinions. Photos that were made of one reference are one series.

    Without a split of its own, all photos are the test split.

    Args:
        cache: See `LabelledPhotos`.
        limit: See `LabelledPhotos`.
        seed: See `LabelledPhotos`.
        cluster: See `LabelledPhotos`.
    """

    evaluated_on: ClassVar[str] = "all"
    has_series = True

    def __init__(self, cache: str | None, limit: int | None, seed: int, cluster: ClusterChoice = "series") -> None:
        super().__init__(cache, limit, seed, cluster)

    @abstractmethod
    def scores(self) -> ScoreList:
        """Return the list of scores.

        Raises:
            UsageError: If it is missing or has wrong lines.
        """

    @abstractmethod
    def paths(self, names: Sequence[str]) -> Sequence[tuple[str, Path]]:
        """Return the name and the path of each photo of the list, whether it exists or not."""

    def read(self) -> Mapping[Split, ScoreTable]:
        """Return the scores of each split. The photos need not be there.

        Raises:
            UsageError: If the list is missing or has wrong lines.
        """
        scores = self.scores()
        references = scores.references or [""] * len(scores.photos)
        photos = tuple(
            PhotoFile(name, path, series=reference)
            for (name, path), reference in zip(self.paths(scores.photos), references, strict=True)
        )
        table = ScoreTable(photos, scores.means, scores.sd)
        splits = np.array(scores.splits or ["test"] * len(photos))
        return {split: table.where(splits == split) for split in SPLITS}

    def configure_examples(self, learner: Learner, examples: Examples) -> None:
        """Refuse to train.

        Raises:
            UsageError: Always.
        """
        for_training(self.all_labels)


class ScoreFile(ScoredPhotos):
    """A user's own list of scores: a CSV with a photo and its score in each row.

    Args:
        file: The list; see `iqbench.datasets.score_list.read_scores`.
        root: The folder of the photos, to which paths are relative. None is the folder of the list, or, where all paths
            are absolute, the deepest folder that holds them.
        columns: The header of a column, by its part; None looks for the usual names.
        higher_is_better: Whether a higher score is a better photo. None is yes, and asks about a column ``dmos``.
        cache: See `LabelledPhotos`.
        limit: See `LabelledPhotos`.
        seed: See `LabelledPhotos`.
        cluster: See `LabelledPhotos`. The photos of one reference are a series, if the list has such a column.
    """

    title = "list of scores"

    def __init__(
        self,
        file: str | None,
        root: str | None,
        columns: Mapping[str, str | None],
        higher_is_better: bool | None,
        cache: str | None,
        limit: int | None,
        seed: int,
        cluster: ClusterChoice = "series",
    ) -> None:
        super().__init__(cache, limit, seed, cluster)
        if higher_is_better not in (None, True, False):
            raise UsageError(f"data.higher_is_better={higher_is_better}: must be true, false or null")
        self.file = file
        self.root = root
        self.columns = dict(columns)
        self.higher_is_better = higher_is_better

    def scores(self) -> ScoreList:
        """Return the list of scores.

        Raises:
            UsageError: If it is missing or has wrong lines.
        """
        if not self.file:
            raise UsageError(
                "data.file is not set: give a CSV with the header photo,score (and optionally sd, reference, split), "
                "as data.file=scores.csv"
            )
        return read_scores(absolute(str(self.file), "data.file"), self.columns, self.higher_is_better)

    def paths(self, names: Sequence[str]) -> Sequence[tuple[str, Path]]:
        """Return the name and the path of each photo; names are relative to the root.

        Raises:
            UsageError: If a path does not lie in the root, or a photo has two paths.
        """
        found: list[tuple[str, Path]] = []
        known: dict[str, str] = {}
        for name, (relative, path) in zip(names, listed_paths(str(self.file), names, self.root), strict=True):
            if known.setdefault(relative, name) != name:
                raise UsageError(f"{self.file}: {name} and {known[relative]} are one photo")
            found.append((display_name(relative), path))
        return found
