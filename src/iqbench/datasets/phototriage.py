"""PhotoTriage: series of photos of one scene, and the probability that people prefer one of two."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from iqbench.datasets.labelled import LabelledPhotos
from iqbench.datasets.phototriage_list import PairLines, read_pair_list, refuse_overlap
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_split
from iqbench.interfaces import ClusterChoice, PhotoFile, Split
from iqbench.labels import PairTable
from iqbench.paths import absolute

log = logging.getLogger(__name__)

PHOTOS = "train_val_imgs"
LISTS = {"train": "train_pairlist.txt", "val": "val_pairlist.txt"}


class PhotoTriage(LabelledPhotos):
    """PhotoTriage's training and validation series. No series is divided between splits.

    Its own test list has no labels, so some of the training series become the test split.

    Args:
        root: Folder with ``train_val/``, or ``train_val/`` itself.
        test_share: Share of the training series to hold out as the test split.
        min_agreement: Minimum agreement max(p, 1 - p) of a training pair, where p is the probability
            that photo 1 is preferred.
        cache: See `LabelledPhotos`.
        limit: See `LabelledPhotos`.
        seed: See `LabelledPhotos`.
        cluster: See `LabelledPhotos`.

    Raises:
        UsageError: If a share is out of range.

    Reference:
        Chang, Yu, Wang, Ashley and Finkelstein, *Automatic triage for a photo series*, SIGGRAPH 2016.
    """

    title = "PhotoTriage"
    has_series = True

    def __init__(
        self,
        root: str | None,
        test_share: float,
        min_agreement: float,
        cache: str | None,
        limit: int | None,
        seed: int,
        cluster: ClusterChoice = "series",
    ) -> None:
        super().__init__(cache, limit, seed, cluster)
        if not 0 < test_share < 1:
            raise UsageError(f"data.test_share={test_share}: must be between 0 and 1")
        if not 0.5 <= min_agreement <= 0.99:
            raise UsageError(f"data.min_agreement={min_agreement}: must be from 0.5 to 0.99")
        self.root = root
        self.test_share = test_share
        self.min_agreement = min_agreement

    def read(self) -> Mapping[Split, PairTable]:
        """Return the training list without the held-out series, the validation list, and the held-out series.

        Raises:
            UsageError: If a file is missing, or a line is wrong or contradicts another one.
        """
        home = home_of(self.root)
        train_list, val_list = (home / name for name in LISTS.values())
        train_lines, val_lines = read_pair_list(train_list), read_pair_list(val_list)
        refuse_overlap(train_list, train_lines, val_list, val_lines)
        names = _names_in(home / PHOTOS)
        train, val = (_table(lines, home / PHOTOS, names) for lines in (train_lines, val_lines))
        series = np.unique(train.series)
        test = np.isin(train.series, series[hash_split(series.tolist(), self.test_share, self.seed)])
        agreed = np.maximum(train.preference, 1 - train.preference) >= self.min_agreement - 1e-9
        if left_out := int((~test & ~agreed).sum()):
            log.info("%s: %s training pairs left out by data.min_agreement", self.title, f"{left_out:,}")
        return {"train": train.where(~test & agreed), "val": val, "test": train.where(test)}


def home_of(root: str | None) -> Path:
    """Return the folder ``train_val`` of PhotoTriage.

    Args:
        root: That folder, or its parent.

    Raises:
        UsageError: If the folder, a pair list or the folder of photos is missing. The message says where to get it.
    """
    if not root:
        raise _missing("data.root is not set")
    folder = absolute(str(root), "data.root")
    if not folder.is_dir():
        raise _missing(f"data.root={root}: no such folder")
    home = folder / "train_val" if (folder / "train_val").is_dir() else folder
    for name in (*LISTS.values(), PHOTOS):
        if not (home / name).exists():
            raise _missing(f"data.root={root}: {home / name} is missing")
    return home


def _missing(problem: str) -> UsageError:
    return UsageError(
        f"{problem}. Get PhotoTriage (Chang et al., SIGGRAPH 2016) from https://phototriage.cs.princeton.edu/ and give "
        f"the folder that holds train_val/ as data.root=DIR, or in IQBENCH_PHOTOTRIAGE; in train_val/ there must be "
        f"{', '.join(LISTS.values())} and {PHOTOS}/000001-01.JPG, ..."
    )


def _names_in(folder: Path) -> set[str]:
    """Return the file names in a folder. One scan is faster than 12,988 lookups."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror})") from error


def _table(lines: PairLines, folder: Path, names: set[str]) -> PairTable:
    entries = np.stack([np.tile(lines.series, 2), np.concatenate([lines.photo1, lines.photo2])])
    photos, positions = np.unique(entries, axis=1, return_inverse=True)
    files = tuple(_file(series, photo, folder, names) for series, photo in photos.T.tolist())
    first, second = positions.reshape(2, -1)
    return PairTable(files, first, second, lines.ratio, np.ones(len(first)), lines.series)


def _file(series: int, photo: int, folder: Path, names: set[str]) -> PhotoFile:
    """Return a photo under its official name, whatever the case of its suffix on this disk."""
    stem = f"{series:06d}-{photo:02d}"
    file_name = next((name for suffix in ("JPG", "jpg") if (name := f"{stem}.{suffix}") in names), f"{stem}.JPG")
    return PhotoFile(f"./{PHOTOS}/{stem}.JPG", folder / file_name, series=f"{series:06d}")
