"""What PhotoTriage's own pair lists tell of labels for its photos: are they right, are they all there?"""

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
from iqbench.label_audit.findings import ENOUGH, Finding, at_chance, percent
from iqbench.labels import PairTable

PUBLISHED = {"train": (4560, 12075, 12019), "val": (195, 483, 503)}
"""Series, pairs and photos of the two lists."""

RIGHT = 0.9
"""Labels that agree with RATIO less often are refused."""

EXPLAINS, CERTAIN = 0.9, 5
"""Reading ranks as ids is what happened where it gives nine of ten labels, and nine of ten of those (five at least)
about which RATIO says something else."""

NEAR_CHANCE = 0.05
"""Agreement this near to 1/2 is a coin's, though an interval may exclude 1/2: votes about one pair hang together."""

ABOVE = 3
"""How many folders above the photos a pair list is looked for."""

_NAME = re.compile(r"(?s)(?:.*/)?([0-9]{6})-([0-9]{2})\.[^./]+")

Pair = tuple[int, int, int]
"""A series and two of its photos, the lower number first."""


class Held(NamedTuple):
    """Labels held against a pair list."""

    known: int
    """Labels with a winner about pairs of the list that have one."""
    right: int
    """Of those, how many have the winner that RATIO says."""
    rankable: int
    """Labels about which something comes out where RANK1 is read as the winner's number and RANK2 as the loser's."""
    by_rank: int
    """Of those, how many have the winner that this mistake gives."""
    telling: int
    """Labels about pairs of which RATIO and the mistake name different winners."""
    telling_by_rank: int
    """Of those, how many have the mistake's."""

    @property
    def ranks_were_ids(self) -> bool:
        """Whether the mistake explains the labels, also where it happens to be right: swapped labels are others."""
        explained = self.by_rank >= EXPLAINS * self.rankable and self.telling_by_rank >= EXPLAINS * self.telling
        return self.telling >= CERTAIN and explained


def reference_findings(
    tables: Sequence[PairTable], photos: Sequence[PhotoFile], reference: str | None
) -> list[Finding]:
    """Return what PhotoTriage's pair lists say of labels that did not come from them, if there are any.

    Args:
        tables: The labels of all splits.
        photos: Their photos.
        reference: See `lists_near`.

    Raises:
        UsageError: If a reference is given that is not there, or cannot be read.
    """
    files = lists_near(photos, reference)
    try:
        lists = [read_pair_list(file) for file in files]
    except UsageError as error:
        if reference is not None:
            raise
        return [Finding("warning", "reference", f"labels were not held against a pair list near the photos: {error}")]
    return [verdict(held_against(tables, lists), " and ".join(file.name for file in files))] if files else []


def lists_near(photos: Sequence[PhotoFile], reference: str | None) -> list[Path]:
    """Return the pair lists to hold labels against: those given, or those near photos named as PhotoTriage's.

    Args:
        photos: The labels' photos.
        reference: A pair list, or a folder that holds both, itself or in ``train_val``.

    Raises:
        UsageError: If one is given that is not there.
    """
    if reference is None:
        folders = sorted({photo.path.parent for photo in photos if _NAME.fullmatch(photo.name)})
        return next((found for folder in folders[:ABOVE] if (found := _above(folder.absolute()))), [])
    given = Path(reference).expanduser()
    if given.is_file():
        return [given]
    found = _inside(given)
    if not found:
        raise UsageError(f"reference={reference}: neither a pair list nor a folder with {LISTS['train']}")
    return found


def held_against(tables: Iterable[PairTable], lists: Iterable[PairLines]) -> Held:
    """Return how far labels agree with a pair list, joined by the series and the number in the photos' names."""
    right: dict[Pair, int] = {}
    by_rank: dict[Pair, int] = {}
    for lines in lists:
        for series, one, other, ratio, rank, other_rank in zip(*(column.tolist() for column in lines[1:]), strict=True):
            if ratio != 0.5:
                right[_pair(series, one, other)] = one if ratio > 0.5 else other
            if rank != other_rank:
                by_rank[_pair(series, rank, other_rank)] = rank
    labels = [(right.get(pair), by_rank.get(pair), own) for table in tables for pair, own in _labels(table)]
    telling = [(mistaken, own) for true, mistaken, own in labels if true and mistaken and true != mistaken]
    return Held(
        known=sum(true is not None for true, _, _ in labels),
        right=sum(true == own for true, _, own in labels),
        rankable=sum(mistaken is not None for _, mistaken, _ in labels),
        by_rank=sum(mistaken == own for _, mistaken, own in labels),
        telling=len(telling),
        telling_by_rank=sum(mistaken == own for mistaken, own in telling),
    )


def verdict(held: Held, list_name: str) -> Finding:
    """Return what labels' agreement with a pair list says of them."""
    numbers: dict[str, int | float | None] = {**held._asdict()}
    if not held.known:
        return Finding("note", "reference", f"no label is about a pair of {list_name} that has a winner", numbers)
    share, known = held.right / held.known, f"{held.known:,} labels"
    only = f"only {held.right:,} of {known} agree with RATIO in {list_name}"
    if held.ranks_were_ids:
        text = (
            f"rank columns read as ids (they are ranks inside the series, 1 = best): {held.by_rank:,} of "
            f"{held.rankable:,} labels are what that mistake gives, {only}"
        )
        return Finding("refused", "reference", text, numbers)
    if held.known >= ENOUGH and like_a_coin(held.right, held.known):
        text = (
            f"labels agree with {list_name} at chance ({percent(share)} of {held.known:,}): names joined to "
            "shuffled review numbers? Labels come from the pair lists only"
        )
        return Finding("refused", "reference", text, numbers)
    if share == 1:
        return Finding("ok", "reference", f"all {known} agree with RATIO in {list_name}", numbers)
    if share >= RIGHT:
        return Finding("warning", "reference", only, numbers)
    if held.known < ENOUGH and binomtest(held.right, held.known).proportion_ci().high >= RIGHT:
        return Finding("warning", "reference", f"{only}: too few to tell why", numbers)
    swapped = share < 1 - RIGHT
    text = f"upside down: better and worse are swapped; {only}" if swapped else f"does not agree: {only}"
    return Finding("refused", "reference", text, numbers)


def like_a_coin(agreements: int, count: int) -> bool:
    """Tell whether agreement is a coin's: not to be told from 1/2, or very near to it.

    Example:
        >>> like_a_coin(12, 30), like_a_coin(4600, 10000), like_a_coin(5600, 10000)
        (True, True, False)
    """
    return at_chance(agreements, count) or abs(agreements / count - 0.5) < NEAR_CHANCE


def own_findings(root: str | None) -> Iterator[Finding]:
    """Yield whether PhotoTriage is all there, and why its reviews are not used.

    Args:
        root: See `iqbench.datasets.phototriage.PhotoTriage`.
    """
    home = home_of(root)
    lists = {split: read_pair_list(home / name) for split, name in LISTS.items()}
    for split, lines in lists.items():
        yield _beside_published(LISTS[split], lines, PUBLISHED[split])
    reviews = [found for lines in lists.values() if (found := review_agreement(home, lines))]
    votes, agreements = sum(found.votes for found in reviews), sum(found.agreements for found in reviews)
    if votes:
        chance = like_a_coin(agreements, votes)
        text = f"reviews joined by name agree with the pair lists in {percent(agreements / votes)} of {votes:,} votes"
        shuffled = ": at chance, because photo numbers inside the reviews are shuffled" if chance else ""
        numbers: dict[str, int | float | None] = {"votes": votes, "agreements": agreements}
        yield Finding("note", "reviews", f"{text}{shuffled}; they are not used", numbers)


def _beside_published(name: str, lines: PairLines, published: tuple[int, int, int]) -> Finding:
    photos = np.concatenate(
        [np.stack([lines.series, lines.photo1], axis=1), np.stack([lines.series, lines.photo2], axis=1)]
    )
    counts = len(np.unique(lines.series)), len(lines.series), len(np.unique(photos, axis=0))
    numbers: dict[str, int | float | None] = dict(zip(("series", "pairs", "photos"), counts, strict=True))
    here, there = (f"{series:,} series, {pairs:,} pairs, {n:,} photos" for series, pairs, n in (counts, published))
    if counts == published:
        return Finding("ok", "published counts", f"{name}: {here}, as published", numbers)
    part = 2 * counts[1] < published[1]
    text = f"{name}: {here}; " + ("published are" if part else "differs from the published")
    return Finding("note" if part else "warning", "published counts", f"{text} {there}", numbers)


def _above(folder: Path) -> list[Path]:
    places = [folder, *folder.parents[:ABOVE]]
    return next((found for place in places if (found := _inside(place))), [])


def _inside(folder: Path) -> list[Path]:
    """Return the pair lists in a folder or in its ``train_val``: the training list, and others beside it."""
    for home in (folder, folder / "train_val"):
        if (home / LISTS["train"]).is_file():
            return [home / name for name in LISTS.values() if (home / name).is_file()]
    return []


def _labels(table: PairTable) -> Iterator[tuple[Pair, int]]:
    """Yield the pair and the winner's number of each label that has one, about photos of one series by their names."""
    named = [_NAME.fullmatch(photo.name) for photo in table.photos]
    numbers = [(int(match.group(1)), int(match.group(2))) if match else None for match in named]
    for first, second, preference in zip(table.first.tolist(), table.second.tolist(), table.preference, strict=True):
        one, other = numbers[first], numbers[second]
        if one and other and one[0] == other[0] and preference != 0.5:
            yield _pair(one[0], one[1], other[1]), one[1] if preference > 0.5 else other[1]


def _pair(series: int, one: int, other: int) -> Pair:
    return (series, one, other) if one < other else (series, other, one)


def is_named_like(photos: Iterable[PhotoFile]) -> bool:
    """Tell whether most photos are named as PhotoTriage's are.

    Example:
        >>> is_named_like([PhotoFile("./train_val_imgs/000015-01.JPG", Path()), PhotoFile("./dog.jpg", Path())])
        False
    """
    named = [_NAME.fullmatch(photo.name) is not None for photo in photos]
    return 2 * sum(named) > len(named)
