"""What is wrong with labels, in plain lines: found in the tables themselves and in the photos' bytes."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal, get_args

import pandas as pd
from scipy.stats import binomtest

from iqbench.interfaces import Split
from iqbench.label_audit import consistency, leaks
from iqbench.labels import LabelTable, PairTable, VoteTable
from iqbench.metrics.pairs import constant_accuracy
from iqbench.metrics.votes import GOOD

Severity = Literal["ok", "note", "warning", "refused"]
"""All is well; something to know; something to look at; nothing should be trained or judged with these labels."""

SEVERITIES: tuple[Severity, ...] = get_args(Severity)

NEGLIGIBLE = 0.01
"""Share of a split's photos below which copies in another split, or files that cannot be used, change no result."""

UNBALANCED = 0.6
"""A constant answer that is right more often is a warning, unless a coin may well have made it so."""

ENOUGH = 30
"""Labels, or threes of photos, of which a share means something."""

COIN = 0.2
"""Of coin tosses a quarter of threes go round in a circle; from this share on labels look like them."""

MEAN_VOTES = (4.5, 6.3)
"""AVA's mean vote is 5.38; ten columns that are read off by one shift it by 1."""

_SEEN = "a model would be judged by what it has seen in training, or was chosen by"


@dataclass(frozen=True)
class Finding:
    """One plain line about the labels, how bad it is, and the numbers in it."""

    severity: Severity
    about: str
    text: str
    numbers: dict[str, int | float | None] = field(default_factory=dict)


def findings(labels: Mapping[Split, LabelTable], examined: pd.DataFrame) -> list[Finding]:
    """Return what the labels of all splits and the photos' content say about their faults.

    Args:
        labels: The labels as the files have them, those of photos that cannot be used included.
        examined: What became of each photo; see `iqbench.datasets.decode_cache.examine`.
    """
    usable = examined[examined["code"] == "ok"]
    sha256 = dict(zip(usable.index.tolist(), usable["sha256"].tolist(), strict=True))
    pairs = {split: table for split, table in labels.items() if isinstance(table, PairTable)}
    votes = {split: table for split, table in labels.items() if isinstance(table, VoteTable)}
    found = [*_unusable(labels, examined), *_leaks(labels, sha256), *_copies(labels, sha256)]
    if pairs:
        found += [*_repeated(pairs), *_contradicted(pairs), *_circular(pairs), *_one_sided(pairs)]
    return found + list(_mean_votes(votes))


def counted(count: int, thing: str) -> str:
    """Return a number of things.

    Example:
        >>> counted(1, "photo"), counted(12075, "pair")
        ('1 photo', '12,075 pairs')
    """
    return f"{count:,} {thing}{'s' * (count != 1 and thing != 'series')}"


def percent(share: float) -> str:
    """Return a share in percent.

    Example:
        >>> percent(0.4963)
        '49.6 %'
    """
    return f"{100 * share:.1f} %"


def at_chance(agreements: int, count: int) -> bool:
    """Tell whether agreement cannot be told from a coin's: the exact 95 % interval holds 1/2.

    Example:
        >>> at_chance(403, 812), at_chance(600, 812)
        (True, False)
    """
    interval = binomtest(agreements, count).proportion_ci()
    return bool(interval.low <= 0.5 <= interval.high)


def _unusable(labels: Mapping[Split, LabelTable], examined: pd.DataFrame) -> Iterator[Finding]:
    lost = examined[examined["code"] != "ok"]
    if not len(lost):
        yield Finding("ok", "unusable photos", f"all {len(examined):,} photos can be used")
        return
    left = {split: len(table.without(set(lost.index))) for split, table in labels.items()}
    gone = sum(map(len, labels.values())) - sum(left.values())
    share = len(lost) / len(examined)
    codes = ", ".join(f"{count:,} {code}" for code, count in lost["code"].value_counts().items())
    yield Finding(
        "refused" if share > 0.5 else "warning" if share > NEGLIGIBLE else "note",
        "unusable photos",
        f"{len(lost):,} of {counted(len(examined), 'photo')} cannot be used ({codes}), and {counted(gone, 'label')} "
        f"with them; the first is {lost.index[0]}: {lost.iloc[0]['error']}",
        {"photos": len(lost), "labels": gone},
    )
    for split in (split for split, count in left.items() if not count and len(labels[split])):
        yield Finding("refused", "unusable photos", f"{split}: no label is left", {"labels": len(labels[split])})


def _leaks(labels: Mapping[Split, LabelTable], sha256: Mapping[str, str]) -> list[Finding]:
    found = [finding for one, other in combinations(labels, 2) for finding in _between(labels, one, other, sha256)]
    clean = "no photo and no series is in two splits"
    return found or [Finding("ok", "leaks", clean if _are_pairs(labels) else "no photo is in two splits")]


def _between(
    labels: Mapping[Split, LabelTable], one: Split, other: Split, sha256: Mapping[str, str]
) -> Iterator[Finding]:
    tables = labels[one], labels[other]
    both, common = f"{one} and {other}", leaks.shared(*tables, sha256)
    if common.photos:
        text = f"{both} share {counted(len(common.photos), 'photo')}, such as {common.photos[0]}: {_SEEN}"
        yield Finding("refused", "leaks", text, {"photos": len(common.photos)})
    if common.copies:
        small = len(common.copies) <= NEGLIGIBLE * min(len(table.photos) for table in tables)
        names = " and ".join(common.copies[0])
        text = f"{both} share {counted(len(common.copies), 'photo')} under two names (the same bytes), such as {names}"
        text += "" if small else f": {_SEEN}"
        yield Finding("warning" if small else "refused", "leaks", text, {"copies": len(common.copies)})
    if common.series:
        first, second = tables
        whole = isinstance(first, PairTable) and isinstance(second, PairTable) and not leaks.divided(first, second)
        text = f"{both} share {counted(len(common.series), 'series')}, such as series {common.series[0]}"
        why = _SEEN if whole else "one holds most pairs, so photos were divided instead of series"
        yield Finding("refused" if whole else "note", "leaks", f"{text}: {why}", {"series": len(common.series)})


def _copies(labels: Mapping[Split, LabelTable], sha256: Mapping[str, str]) -> list[Finding]:
    found = []
    for split, table in labels.items():
        if copies := leaks.copies(table, sha256):
            themselves = leaks.of_copies(table, sha256) if isinstance(table, PairTable) else 0
            senseless = f"; {counted(themselves, 'pair')} compare a photo with its own copy" if themselves else ""
            text = f"{split}: {counted(len(copies), 'photo')} with the same bytes as another, such as "
            numbers: dict[str, Any] = {"photos": len(copies), "pairs_of_copies": themselves}
            found.append(Finding("warning", "copies", f"{text}{' and '.join(copies[0])}{senseless}", numbers))
    return found or [Finding("ok", "copies", "no two photos of a split have the same bytes")]


def _repeated(labels: Mapping[Split, PairTable]) -> Iterable[Finding]:
    for split, table in labels.items():
        if len(pairs := consistency.repeated(table)):
            names = " and ".join(table.photos[at].name for at in pairs[0])
            text = f"{split}: {counted(len(pairs), 'pair')} listed more than once with one winner, such as {names}"
            yield Finding("warning", "repeats", text, {"pairs": len(pairs)})


def _contradicted(labels: Mapping[Split, PairTable]) -> list[Finding]:
    found = []
    for split, table in labels.items():
        if len(pairs := consistency.contradicted(table)):
            names = " and ".join(table.photos[at].name for at in pairs[0])
            text = f"{split}: {counted(len(pairs), 'pair')} listed with opposite winners, such as {names}"
            found.append(Finding("warning", "contradictions", text, {"pairs": len(pairs)}))
    return found or [Finding("ok", "contradictions", "no two photos are listed with opposite winners")]


def _circular(labels: Mapping[Split, PairTable]) -> list[Finding]:
    found = []
    for split, table in labels.items():
        circles = consistency.circles(table)
        if circles is None:
            text = f"{split}: circles of winners were not counted, too many pairs hang together"
            found.append(Finding("note", "circles", text))
        elif circles.example is not None:
            names = " > ".join(table.photos[at].name for at in (*circles.example, circles.example[0]))
            share = circles.circular / circles.decided
            random = circles.decided >= ENOUGH and share >= COIN
            text = (
                f"{split}: {circles.circular:,} of {circles.decided:,} threes go round in a circle, such as {names}"
                + (": about as many as coin tosses would make (25 %); are the labels random?" if random else "")
            )
            numbers: dict[str, Any] = {"circular": circles.circular, "decided": circles.decided}
            found.append(Finding("warning" if random else "note", "circles", text, numbers))
    return found or [Finding("ok", "circles", "no winners go round in a circle (A > B > C > A)")]


def _one_sided(labels: Mapping[Split, PairTable]) -> list[Finding]:
    found, shares = [], []
    for split, table in labels.items():
        share = constant_accuracy(table.preference, table.weight)
        if share is None or len(table) < ENOUGH:
            continue
        shares.append(share)
        first, second = table.preference > 0.5, table.preference < 0.5
        lead = float(table.weight @ first - table.weight @ second)
        text = f"{split}: a model that always says `{'first' if lead >= 0 else 'second'}` gets {percent(share)}"
        if share > UNBALANCED and not at_chance(int(first.sum()), int(first.sum() + second.sum())):
            said = f"{text}: print it beside every accuracy"
            found.append(Finding("warning", "constant answer", said, {"accuracy": share}))
    if shares and not found:
        text = f"a model that always says the same gets at most {percent(max(shares))}"
        found.append(Finding("ok", "constant answer", text, {"accuracy": max(shares)}))
    return found


def _mean_votes(labels: Mapping[Split, VoteTable]) -> Iterator[Finding]:
    voted = {split: table.means for split, table in labels.items() if len(table)}
    good = {split: float((means > GOOD).mean()) for split, means in voted.items()}
    if good:
        always = "good" if next(iter(good.values())) >= 0.5 else "bad"
        shares = ", ".join(f"{percent(one if always == 'good' else 1 - one)} ({split})" for split, one in good.items())
        text = f"good or bad: a model that always says `{always}` gets {shares}; print it beside every accuracy"
        yield Finding("note", "constant answer", text, {f"{split}_good": share for split, share in good.items()})
    for split, means in voted.items():
        mean = float(means.mean())
        if len(means) >= ENOUGH and not MEAN_VOTES[0] <= mean <= MEAN_VOTES[1]:
            text = f"{split}: the mean vote is {mean:.2f}, AVA's is 5.38: are the ten columns read off by one?"
            yield Finding("warning", "mean vote", text, {"mean": mean})


def _are_pairs(labels: Mapping[Split, LabelTable]) -> bool:
    return any(isinstance(table, PairTable) for table in labels.values())
