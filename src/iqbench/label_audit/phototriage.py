"""Compare labels of PhotoTriage's photos with its own pair lists: are they right, are they complete?"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import binomtest

from iqbench.datasets.phototriage import LISTS, home_of
from iqbench.datasets.phototriage_list import PairLines, read_pair_list
from iqbench.datasets.phototriage_reviews import review_agreement
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoFile
from iqbench.label_audit.findings import ENOUGH, at_chance, percent
from iqbench.labels import PairTable
from iqbench.paths import absolute
from iqbench.results.label_audit_summary import Finding

PUBLISHED = {"train": (4560, 12075, 12019), "val": (195, 483, 503)}
"""Published numbers of series, pairs and photos of the two lists."""

RIGHT = 0.9
"""Share of labels that must agree with RATIO."""

EXPLAINS, CERTAIN = 0.9, 5
"""Ranks were read as ids if that explains nine of ten labels, and nine of ten of those that contradict RATIO (at
least five)."""

NEAR_CHANCE = 0.05
"""Distance from 1/2 within which agreement is chance, even if an interval excludes 1/2: votes on a pair depend."""

LEVELS_ABOVE = 3
"""Number of folders above the photos that are searched for a pair list."""

_NAME = re.compile(r"(?s)(?:.*/)?([0-9]{6})-([0-9]{2})\.[^./]+")

Pair = tuple[int, int, int]
"""A series and two of its photos, the lower number first."""


class ListAgreement(NamedTuple):
    """The agreement of labels with a pair list."""

    comparable: int
    """Labels with a winner, on pairs that have a winner in the list."""
    right: int
    """Of these, the labels whose winner is that of RATIO."""
    rankable: int
    """Labels that reading RANK1 as the winner's number and RANK2 as the loser's would produce a winner for."""
    by_rank: int
    """Of these, the labels whose winner is that of this mistake."""
    telling: int
    """Labels on pairs for which RATIO and the mistake name different winners."""
    telling_by_rank: int
    """Of these, the labels whose winner is that of the mistake."""

    @property
    def ranks_were_ids(self) -> bool:
        """True if the mistake explains the labels. Swapped labels are excluded: there RATIO explains none."""
        explained = self.by_rank >= EXPLAINS * self.rankable and self.telling_by_rank >= EXPLAINS * self.telling
        return self.telling >= CERTAIN and explained


def reference_findings(
    tables: Sequence[PairTable], photos: Sequence[PhotoFile], reference: str | None
) -> list[Finding]:
    """Return the finding about labels that did not come from PhotoTriage's pair lists, if there are lists.

    Args:
        tables: The labels of all splits.
        photos: Their photos.
        reference: See `lists_near`.

    Raises:
        UsageError: If the given reference does not exist, or cannot be read.
    """
    files = lists_near(photos, reference)
    try:
        lists = [read_pair_list(file) for file in files]
    except UsageError as error:
        if reference is not None:
            raise
        return [Finding.warning("reference", f"labels were not compared with a pair list near the photos: {error}")]
    names = " and ".join(file.name for file in files)
    return [reference_finding(list_agreement(tables, lists), names)] if files else []


def lists_near(photos: Sequence[PhotoFile], reference: str | None) -> list[Path]:
    """Return the pair lists to compare labels with: the given ones, or those near photos named as PhotoTriage's.

    Args:
        photos: The labels' photos.
        reference: A pair list, or a folder that holds both, itself or in ``train_val``.

    Raises:
        UsageError: If the given reference does not exist.
    """
    if reference is None:
        folders = sorted({photo.path.parent for photo in photos if _NAME.fullmatch(photo.name)})
        return next((lists for folder in folders[:LEVELS_ABOVE] if (lists := _above(folder.absolute()))), [])
    given = absolute(reference, "reference")
    if given.is_file():
        return [given]
    lists = _inside(given)
    if not lists:
        raise UsageError(f"reference={reference}: neither a pair list nor a folder with {LISTS['train']}")
    return lists


def list_agreement(tables: Iterable[PairTable], lists: Iterable[PairLines]) -> ListAgreement:
    """Return the agreement of labels with pair lists, joined by series and photo number in the names of the photos."""
    right: dict[Pair, int] = {}
    by_rank: dict[Pair, int] = {}
    for lines in lists:
        columns = (column.tolist() for column in lines[1:])
        for series, photo1, photo2, ratio, rank1, rank2 in zip(*columns, strict=True):
            if ratio != 0.5:
                right[_pair(series, photo1, photo2)] = photo1 if ratio > 0.5 else photo2
            if rank1 != rank2:
                by_rank[_pair(series, rank1, rank2)] = rank1
    labels = [(right.get(pair), by_rank.get(pair), winner) for table in tables for pair, winner in _labels(table)]
    telling = [(mistaken, winner) for true, mistaken, winner in labels if true and mistaken and true != mistaken]
    return ListAgreement(
        comparable=sum(true is not None for true, _, _ in labels),
        right=sum(true == winner for true, _, winner in labels),
        rankable=sum(mistaken is not None for _, mistaken, _ in labels),
        by_rank=sum(mistaken == winner for _, mistaken, winner in labels),
        telling=len(telling),
        telling_by_rank=sum(mistaken == winner for mistaken, winner in telling),
    )


def reference_finding(agreement: ListAgreement, list_name: str) -> Finding:
    """Return the finding about labels that were compared with a pair list."""
    about, numbers = "reference", agreement._asdict()
    if not agreement.comparable:
        return Finding.note(about, f"no label is about a pair of {list_name} that has a winner", **numbers)
    share, labels = agreement.right / agreement.comparable, f"{agreement.comparable:,} labels"
    only = f"only {agreement.right:,} of {labels} agree with RATIO in {list_name}"
    if agreement.ranks_were_ids:
        text = (
            f"rank columns read as ids (they are ranks inside the series, 1 = best): {agreement.by_rank:,} of "
            f"{agreement.rankable:,} labels are what that mistake gives, {only}"
        )
        return Finding.refusal(about, text, **numbers)
    if agreement.comparable >= ENOUGH and is_chance(agreement.right, agreement.comparable):
        text = (
            f"labels agree with {list_name} at chance ({percent(share)} of {agreement.comparable:,}): names joined to "
            "shuffled review numbers? Labels come from the pair lists only"
        )
        return Finding.refusal(about, text, **numbers)
    if share == 1:
        return Finding.ok(about, f"all {labels} agree with RATIO in {list_name}", **numbers)
    if share >= RIGHT:
        return Finding.warning(about, only, **numbers)
    is_few = agreement.comparable < ENOUGH
    if is_few and binomtest(agreement.right, agreement.comparable).proportion_ci().high >= RIGHT:
        return Finding.warning(about, f"{only}: too few to tell why", **numbers)
    swapped = share < 1 - RIGHT
    text = f"better and worse are swapped: {only}" if swapped else f"labels do not agree: {only}"
    return Finding.refusal(about, text, **numbers)


def is_chance(agreements: int, count: int) -> bool:
    """Return whether agreement is chance: indistinguishable from 1/2, or within `NEAR_CHANCE` of it.

    Example:
        >>> is_chance(12, 30), is_chance(4600, 10000), is_chance(5600, 10000)
        (True, True, False)
    """
    return at_chance(agreements, count) or abs(agreements / count - 0.5) < NEAR_CHANCE


def dataset_findings(root: str | None) -> Iterator[Finding]:
    """Yield whether PhotoTriage is complete, and why its reviews are not used.

    Args:
        root: See `iqbench.datasets.phototriage.PhotoTriage`.
    """
    home = home_of(root)
    lists = {split: read_pair_list(home / name) for split, name in LISTS.items()}
    for split, lines in lists.items():
        yield _against_published(LISTS[split], lines, PUBLISHED[split])
    reviews = [agreement for lines in lists.values() if (agreement := review_agreement(home, lines))]
    votes = sum(agreement.votes for agreement in reviews)
    agreements = sum(agreement.agreements for agreement in reviews)
    if votes:
        text = f"reviews joined by name agree with the pair lists in {percent(agreements / votes)} of {votes:,} votes"
        if is_chance(agreements, votes):
            text += ": at chance, because photo numbers inside the reviews are shuffled"
        yield Finding.note("reviews", f"{text}; they are not used", votes=votes, agreements=agreements)


def _against_published(name: str, lines: PairLines, published: tuple[int, int, int]) -> Finding:
    photos = np.concatenate(
        [np.stack([lines.series, lines.photo1], axis=1), np.stack([lines.series, lines.photo2], axis=1)]
    )
    counts = len(np.unique(lines.series)), len(lines.series), len(np.unique(photos, axis=0))
    numbers = dict(zip(("series", "pairs", "photos"), counts, strict=True))
    actual, expected = (f"{series:,} series, {pairs:,} pairs, {n:,} photos" for series, pairs, n in (counts, published))
    about = "published counts"
    if counts == published:
        return Finding.ok(about, f"{name}: {actual}, as published", **numbers)
    if 2 * counts[1] < published[1]:
        return Finding.note(about, f"{name}: {actual}; published are {expected}", **numbers)
    return Finding.warning(about, f"{name}: {actual}; differs from the published {expected}", **numbers)


def _above(folder: Path) -> list[Path]:
    """Return the pair lists in a folder, or else in the nearest folder above it that has some."""
    places = [folder, *folder.parents[:LEVELS_ABOVE]]
    return next((lists for place in places if (lists := _inside(place))), [])


def _inside(folder: Path) -> list[Path]:
    """Return the pair lists in a folder or in its ``train_val``, if the training list is among them."""
    for home in (folder, folder / "train_val"):
        if (home / LISTS["train"]).is_file():
            return [home / name for name in LISTS.values() if (home / name).is_file()]
    return []


def _labels(table: PairTable) -> Iterator[tuple[Pair, int]]:
    """Yield the pair and the winner's number of each label with a winner, if both photos' names are of one series."""
    named = [_NAME.fullmatch(photo.name) for photo in table.photos]
    numbers = [(int(match.group(1)), int(match.group(2))) if match else None for match in named]
    for first, second, preference in zip(table.first.tolist(), table.second.tolist(), table.preference, strict=True):
        a, b = numbers[first], numbers[second]
        if a and b and a[0] == b[0] and preference != 0.5:
            yield _pair(a[0], a[1], b[1]), a[1] if preference > 0.5 else b[1]


def _pair(series: int, a: int, b: int) -> Pair:
    return (series, a, b) if a < b else (series, b, a)


def is_named_like(photos: Iterable[PhotoFile]) -> bool:
    """Return whether most photos are named as PhotoTriage's are.

    Example:
        >>> is_named_like([PhotoFile("./train_val_imgs/000015-01.JPG", Path()), PhotoFile("./dog.jpg", Path())])
        False
    """
    named = [_NAME.fullmatch(photo.name) is not None for photo in photos]
    return 2 * sum(named) > len(named)
