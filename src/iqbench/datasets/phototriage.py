"""PhotoTriage: series of photos of one scene, and how likely people prefer one of two."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from iqbench.datasets.labelled import LabelledPhotos
from iqbench.datasets.phototriage_list import PairLines, read_pair_list, refuse_overlap
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_split
from iqbench.interfaces import PhotoFile, Split
from iqbench.labels import PairTable

log = logging.getLogger(__name__)

PHOTOS = "train_val_imgs"
LISTS = {"train": "train_pairlist.txt", "val": "val_pairlist.txt"}


class PhotoTriage(LabelledPhotos):
    """PhotoTriage's training and validation series. No series is divided between splits.

    Its own test list has no labels, so some of the training series are held out as the test split.

    Args:
        root: The folder that holds ``train_val/``, or ``train_val/`` itself.
        test_share: Share of the training series held out as the test split.
        min_agreement: Training pairs on which people agree less are left out: those with
            max(p, 1 - p) below it, where p is the probability that photo 1 is preferred.
        cache: See `LabelledPhotos`.
        limit: See `LabelledPhotos`.
        seed: See `LabelledPhotos`.

    Raises:
        UsageError: If a share is none.

    Reference:
        Chang, Yu, Wang, Ashley and Finkelstein, *Automatic triage for a photo series*, SIGGRAPH 2016.
    """

    what = "PhotoTriage"

    def __init__(
        self, root: str | None, test_share: float, min_agreement: float, cache: str, limit: int | None, seed: int
    ) -> None:
        super().__init__(cache, limit, seed)
        if not 0 < test_share < 1:
            raise UsageError(f"data.test_share={test_share}: must be between 0 and 1")
        if not 0.5 <= min_agreement <= 0.99:
            raise UsageError(f"data.min_agreement={min_agreement}: must be from 0.5 to 0.99")
        self.root = root
        self.test_share = test_share
        self.min_agreement = min_agreement

    def read(self) -> Mapping[Split, PairTable]:
        """Return the labels: the training list without the series held out, the validation list, and those series.

        Raises:
            UsageError: If the data are not there, or a line is wrong by itself or disagrees with another one.
        """
        home = home_of(self.root)
        train_list, val_list = (home / name for name in LISTS.values())
        train_lines, val_lines = read_pair_list(train_list), read_pair_list(val_list)
        refuse_overlap(train_list, train_lines, val_list, val_lines)
        on_disk = _names_in(home / PHOTOS)
        train, val = (_table(lines, home / PHOTOS, on_disk) for lines in (train_lines, val_lines))
        series = np.unique(train.series)
        test = np.isin(train.series, series[hash_split(series.tolist(), self.test_share, self.seed)])
        agreed = np.maximum(train.preference, 1 - train.preference) >= self.min_agreement - 1e-9
        if left_out := int((~test & ~agreed).sum()):
            log.info("%s: %s training pairs left out by data.min_agreement", self.what, f"{left_out:,}")
        return {"train": train.where(~test & agreed), "val": val, "test": train.where(test)}


def home_of(root: str | None) -> Path:
    """Return the folder ``train_val`` of a PhotoTriage that is there.

    Args:
        root: That folder, or the one it is in.

    Raises:
        UsageError: If it is not, or lacks a pair list or the photos' folder; saying where to get it.
    """
    if not root:
        raise _missing("data.root is not set")
    above = Path(str(root)).expanduser()
    if not above.is_dir():
        raise _missing(f"data.root={root}: no such folder")
    home = above / "train_val" if (above / "train_val").is_dir() else above
    for name in (*LISTS.values(), PHOTOS):
        if not (home / name).exists():
            raise _missing(f"data.root={root}: {home / name} is missing")
    return home


def _missing(what: str) -> UsageError:
    return UsageError(
        f"{what}. Get PhotoTriage (Chang et al., SIGGRAPH 2016) from https://phototriage.cs.princeton.edu/ and give "
        f"the folder that holds train_val/ as data.root=DIR, or in IQBENCH_PHOTOTRIAGE; in train_val/ there must be "
        f"{', '.join(LISTS.values())} and {PHOTOS}/000001-01.JPG, ..."
    )


def _names_in(folder: Path) -> set[str]:
    """Return what a folder holds, in one go: asking for each of 12,988 photos takes longer."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries}
    except OSError as error:
        raise UsageError(f"{folder}: cannot be read ({error.strerror})") from error


def _table(lines: PairLines, folder: Path, on_disk: set[str]) -> PairTable:
    both = np.stack([np.tile(lines.series, 2), np.concatenate([lines.photo1, lines.photo2])])
    photos, places = np.unique(both, axis=1, return_inverse=True)
    files = tuple(_file(series, photo, folder, on_disk) for series, photo in photos.T.tolist())
    first, second = places.reshape(2, -1)
    return PairTable(files, first, second, lines.ratio, np.ones(len(first)), lines.series)


def _file(series: int, photo: int, folder: Path, on_disk: set[str]) -> PhotoFile:
    """Return a photo by its official name, even where its suffix is written otherwise on this disk."""
    stem = f"{series:06d}-{photo:02d}"
    spelled = next((name for suffix in ("JPG", "jpg") if (name := f"{stem}.{suffix}") in on_disk), f"{stem}.JPG")
    return PhotoFile(f"./{PHOTOS}/{stem}.JPG", folder / spelled)
