"""AVA: 255,000 photos from online contests, each with about 200 votes from 1 to 10."""

import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from iqbench.datasets.labelled import LabelledPhotos
from iqbench.errors import UsageError
from iqbench.hash_sampling import hash_order, hash_split
from iqbench.interfaces import ClusterChoice, PhotoFile, Split
from iqbench.labels import VoteTable
from iqbench.parsing import LineErrors, numbered_lines, quoted, wrong_columns
from iqbench.paths import absolute

log = logging.getLogger(__name__)

VOTES = "AVA.txt"
TEST_LIST = "aesthetics_image_lists/generic_test.jpgl"

_NAMES = ("index", "image id", *(f"votes for {rating}" for rating in range(1, 11)), "tag 1", "tag 2", "challenge")
_WHOLE = "[0-9]{1,9}"
_LINE = re.compile(rf"{_WHOLE}(?: {_WHOLE}){{{len(_NAMES) - 1}}}")


class AvaPhotos(LabelledPhotos):
    """AVA's photos and votes, with one of two splits, whose results cannot be compared with each other.

    ``official``: AVA's own test list of 19,930 photos is the test split, and a share of the others is
    the validation split. ``random``: 80 % train, 10 % validation, 10 % test, as in some publications.

    Args:
        root: Folder with ``AVA.txt``.
        images: Its sub-folder with ``953619.jpg`` and so on.
        split: ``official`` or ``random``.
        validation_share: Share of the training photos to validate with, in the official split.
        cache: See `LabelledPhotos`.
        limit: See `LabelledPhotos`.
        seed: See `LabelledPhotos`.
        cluster: See `LabelledPhotos`; AVA has no series.

    Raises:
        UsageError: If ``split`` is neither, or ``validation_share`` is out of range.

    Reference:
        Murray, Marchesotti and Perronnin, *AVA: A large-scale database for aesthetic visual analysis*, CVPR 2012.
    """

    title = "AVA"

    def __init__(
        self,
        root: str | None,
        images: str,
        split: Literal["official", "random"],
        validation_share: float,
        cache: str | None,
        limit: int | None,
        seed: int,
        cluster: ClusterChoice = "look",
    ) -> None:
        super().__init__(cache, limit, seed, cluster)
        if split not in ("official", "random"):
            raise UsageError(f"data.split={split}: must be official or random")
        if not 0 < validation_share < 1:
            raise UsageError(f"data.validation_share={validation_share}: must be between 0 and 1")
        self.root = root
        self.images = images
        self.split = split
        self.validation_share = validation_share

    def read(self) -> Mapping[Split, VoteTable]:
        """Return the votes of each split, including those of photos that are missing on this disk.

        Raises:
            UsageError: If a file is missing, a line is wrong, or two lines have the same id.
        """
        root, folder = self._folders()
        lines = read_votes(root / VOTES)
        photos = tuple(PhotoFile(f"./{id_}.jpg", folder / f"{id_}.jpg") for id_ in lines.id.tolist())
        self._check_folder(folder, photos)
        table = VoteTable(photos, lines.votes)
        test, val = self._official(root, lines.id) if self.split == "official" else self._random(lines.id)
        return {"train": table.where(~test & ~val), "val": table.where(val), "test": table.where(test)}

    def _folders(self) -> tuple[Path, Path]:
        if not self.root:
            raise self._missing("data.root is not set")
        root = absolute(str(self.root), "data.root")
        if not root.is_dir():
            raise self._missing(f"data.root={self.root}: no such folder")
        if not (root / VOTES).exists():
            raise self._missing(f"data.root={self.root}: {root / VOTES} is missing")
        if not (root / self.images).is_dir():
            raise self._missing(f"data.images={self.images}: {root / self.images} is not a folder{self._hint()}")
        return root, root / self.images

    def _missing(self, problem: str) -> UsageError:
        return UsageError(
            f"{problem}. Get AVA (Murray et al., CVPR 2012): https://github.com/imfing/ava_downloader has the label "
            f"files, and links to the photos. Give the folder that holds {VOTES}, {TEST_LIST} and "
            f"{self.images}/953619.jpg, ... as data.root=DIR, or in IQBENCH_AVA"
        )

    def _hint(self) -> str:
        """Suggest another folder of photos, since archives are unpacked in several ways."""
        for name in ("images/images", "images", "image"):
            if name != self.images and self.root and (absolute(self.root, "data.root") / name).is_dir():
                return f" (is it data.images={name}?)"
        return ""

    def _check_folder(self, folder: Path, photos: tuple[PhotoFile, ...]) -> None:
        """Refuse a folder without any photo of AVA. Single missing photos are counted when photos are decoded."""
        try:
            with os.scandir(folder) as entries:
                names = {entry.name for entry in entries}
        except OSError as error:
            raise UsageError(f"{folder}: cannot be read ({error.strerror})") from error
        if not any(photo.path.name in names for photo in photos):
            raise self._missing(f"data.images={self.images}: no photo of AVA is in {folder}{self._hint()}")

    def _official(self, root: Path, ids: Int[np.ndarray, "n"]) -> tuple[Bool[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
        if not (root / TEST_LIST).exists():
            raise self._missing(f"data.split=official: {root / TEST_LIST} is missing (data.split=random needs none)")
        test_ids = _read_ids(root / TEST_LIST)
        test = np.isin(ids, test_ids)
        if not test.any():
            raise UsageError(f"{root / TEST_LIST}: none of its ids is in {VOTES}; data.split=random needs no such list")
        if without_votes := int((~np.isin(test_ids, ids)).sum()):
            log.info("%s: %s ids of the official test list have no votes, left out", self.title, f"{without_votes:,}")
        val = np.zeros(len(ids), dtype=bool)
        val[~test] = hash_split(ids[~test].tolist(), self.validation_share, self.seed)
        return test, val

    def _random(self, ids: Int[np.ndarray, "n"]) -> tuple[Bool[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
        order, tenth = hash_order(ids.tolist(), self.seed), max(1, round(len(ids) / 10))
        ranks = np.empty(len(ids), dtype=int)
        ranks[order] = np.arange(len(ids))
        return ranks < tenth, (ranks >= tenth) & (ranks < 2 * tenth)


class AvaLines(NamedTuple):
    """The rows of AVA.txt with votes: the photo ids, and the counts of the ratings 1 to 10."""

    id: Int[np.ndarray, "n"]
    votes: Int[np.ndarray, "n 10"]


def read_votes(file: Path) -> AvaLines:
    """Return the ids and votes in AVA.txt. A line has 15 whole numbers: index, id, ten counts, two tags, challenge.

    Raises:
        UsageError: If the file cannot be read, a line is wrong, or two lines have the same id.
    """
    errors = LineErrors(file)
    valid = []
    for number, line in numbered_lines(file, errors):
        if _LINE.fullmatch(line):
            valid.append((number, line))
        else:
            errors.add(number, _line_error(line))
    rows = np.fromstring(" ".join(line for _, line in valid), dtype=np.int64, sep=" ").reshape(-1, len(_NAMES))
    ids, counts = rows[:, 1], rows[:, 2:12]
    if len(np.unique(ids)) < len(ids):
        first: dict[int, int] = {}
        for (number, _), id_ in zip(valid, ids.tolist(), strict=True):
            if (earlier := first.setdefault(id_, number)) != number:
                errors.add(number, f"image id {id_} is in line {earlier} too")
    errors.raise_if_any()
    voted = counts.any(axis=1)
    if not voted.all():
        log.info("%s: %s photos without votes left out", file, f"{int((~voted).sum()):,}")
    return AvaLines(ids[voted], counts[voted])


def _line_error(line: str) -> str:
    """Return the reason why a line does not match."""
    if reason := wrong_columns(line, len(_NAMES)):
        return reason
    for column, (name, text) in enumerate(zip(_NAMES, line.split(" "), strict=True), start=1):
        if not re.fullmatch(_WHOLE, text):
            return f"column {column} ({name}) is {quoted(text)}, not a whole number from 0"
    raise AssertionError(f"{line!r} has no error")


def _read_ids(file: Path) -> Int[np.ndarray, "n"]:
    """Return the sorted ids in one of AVA's lists, with one id per line."""
    errors = LineErrors(file)
    ids = []
    for number, line in numbered_lines(file, errors):
        if re.fullmatch(_WHOLE, line):
            ids.append(int(line))
        else:
            errors.add(number, f"{quoted(line)} is not an image id")
    errors.raise_if_any()
    return np.unique(np.array(ids, dtype=np.int64))
