"""Findings about labels, one line each: leaks, copies, inconsistent labels, and the accuracy of a constant answer."""

from collections.abc import Iterator, Mapping
from itertools import combinations

import pandas as pd
from scipy.stats import binomtest

from iqbench.datasets.clusters import near_groups
from iqbench.interfaces import Split
from iqbench.label_audit import consistency, leaks
from iqbench.labels import LabelTable, PairTable, VoteTable
from iqbench.metrics.pairs import constant_accuracy
from iqbench.metrics.votes import GOOD
from iqbench.results.label_audit_summary import Finding

NEGLIGIBLE = 0.01
"""Share of a split's photos below which copies in another split, or unusable photos, change no result."""

UNBALANCED = 0.6
"""Accuracy of a constant answer above which there is a warning, unless chance explains it."""

ENOUGH = 30
"""Minimum number of labels, or of triads, for a share to mean something."""

COIN = 0.2
"""Share of intransitive triads from which on labels look like coin tosses, of which a quarter are intransitive."""

MEAN_VOTES = (4.5, 6.3)
"""Plausible mean votes of AVA, whose mean is 5.38. Columns that are shifted by one change it by 1."""

_SEEN = "a model would be evaluated on photos that training or checkpoint selection used"


def findings(labels: Mapping[Split, LabelTable], examined: pd.DataFrame) -> list[Finding]:
    """Return the findings about the labels of all splits and the content of the photos.

    Args:
        labels: The labels as the files have them, those of unusable photos included.
        examined: The result of decoding each photo; see `iqbench.datasets.decode_cache.examine`.
    """
    usable = examined[examined["code"] == "ok"]
    sha256 = dict(zip(usable.index.tolist(), usable["sha256"].tolist(), strict=True))
    pairs = {split: table for split, table in labels.items() if isinstance(table, PairTable)}
    votes = {split: table for split, table in labels.items() if isinstance(table, VoteTable)}
    near = near_groups(usable["look"]).dropna()
    look = dict(zip(near.index.tolist(), near.tolist(), strict=True))
    lines = [*_unusable(labels, examined), *_leaks(labels, sha256, look), *_copies(labels, sha256)]
    if pairs:
        lines += [*_repeated(pairs), *_contradicted(pairs), *_intransitive(pairs), *_one_sided(pairs)]
    return lines + list(_mean_votes(votes))


def counted(count: int, noun: str) -> str:
    """Return a number with its noun.

    Example:
        >>> counted(1, "photo"), counted(12075, "pair")
        ('1 photo', '12,075 pairs')
    """
    return f"{count:,} {noun}{'s' * (count != 1 and noun != 'series')}"


def percent(share: float) -> str:
    """Return a share in percent.

    Example:
        >>> percent(0.4963)
        '49.6 %'
    """
    return f"{100 * share:.1f} %"


def at_chance(agreements: int, count: int) -> bool:
    """Return whether agreement cannot be distinguished from chance: the exact 95 % interval holds 1/2.

    Example:
        >>> at_chance(403, 812), at_chance(600, 812)
        (True, False)
    """
    interval = binomtest(agreements, count).proportion_ci()
    return bool(interval.low <= 0.5 <= interval.high)


def _unusable(labels: Mapping[Split, LabelTable], examined: pd.DataFrame) -> Iterator[Finding]:
    about = "unusable photos"
    lost = examined[examined["code"] != "ok"]
    if not len(lost):
        yield Finding.ok(about, f"all {len(examined):,} photos can be used")
        return
    left = {split: len(table.without(set(lost.index))) for split, table in labels.items()}
    labels_lost = sum(map(len, labels.values())) - sum(left.values())
    share = len(lost) / len(examined)
    codes = ", ".join(f"{count:,} {code}" for code, count in lost["code"].value_counts().items())
    report = Finding.refusal if share > 0.5 else Finding.warning if share > NEGLIGIBLE else Finding.note
    yield report(
        about,
        f"{len(lost):,} of {counted(len(examined), 'photo')} cannot be used ({codes}), "
        f"and {counted(labels_lost, 'label')} with them; the first is {lost.index[0]}: {lost.iloc[0]['error']}",
        photos=len(lost),
        labels=labels_lost,
    )
    for split in (split for split, count in left.items() if not count and len(labels[split])):
        yield Finding.refusal(about, f"{split}: no label is left", labels=len(labels[split]))


def _leaks(labels: Mapping[Split, LabelTable], sha256: Mapping[str, str], look: Mapping[str, int]) -> list[Finding]:
    lines = [
        line
        for first, second in combinations(labels, 2)
        for line in _leaks_between((first, second), leaks.shared(labels[first], labels[second], sha256, look), labels)
    ]
    with_series = any(isinstance(table, PairTable) for table in labels.values())
    clean = (
        "no photo, near-copy or series is in two splits" if with_series else "no photo or near-copy is in two splits"
    )
    return lines or [Finding.ok("leaks", clean)]


def _leaks_between(
    splits: tuple[Split, Split], common: leaks.Shared, labels: Mapping[Split, LabelTable]
) -> Iterator[Finding]:
    first, second = (labels[split] for split in splits)
    both, few = " and ".join(splits), NEGLIGIBLE * min(len(first.photos), len(second.photos))
    if common.photos:
        text = f"{both} share {counted(len(common.photos), 'photo')}, such as {common.photos[0]}: {_SEEN}"
        yield Finding.refusal("leaks", text, photos=len(common.photos))
    if common.copies:
        names = " and ".join(common.copies[0])
        text = f"{both} share {counted(len(common.copies), 'photo')} under two names (the same bytes), such as {names}"
        if len(common.copies) <= few:
            yield Finding.warning("leaks", text, copies=len(common.copies))
        else:
            yield Finding.refusal("leaks", f"{text}: {_SEEN}", copies=len(common.copies))
    if common.near_copies:
        names = " and ".join(common.near_copies[0])
        text = f"{both} share nearly the same picture in {counted(len(common.near_copies), 'photo')}, such as {names}"
        report = Finding.note if len(common.near_copies) <= few else Finding.warning
        yield report("leaks", f"{text}: look at them", near_copies=len(common.near_copies))
    if common.series:
        by_series = isinstance(first, PairTable) and isinstance(second, PairTable) and not leaks.divided(first, second)
        text = f"{both} share {counted(len(common.series), 'series')}, such as series {common.series[0]}"
        if by_series:
            yield Finding.refusal("leaks", f"{text}: {_SEEN}", series=len(common.series))
        else:
            reason = "one holds most pairs, so photos were divided instead of series"
            yield Finding.note("leaks", f"{text}: {reason}", series=len(common.series))


def _copies(labels: Mapping[Split, LabelTable], sha256: Mapping[str, str]) -> list[Finding]:
    lines = []
    for split, table in labels.items():
        if copies := leaks.copies(table, sha256):
            pairs = leaks.pairs_of_copies(table, sha256) if isinstance(table, PairTable) else 0
            text = f"{split}: {counted(len(copies), 'photo')} with the same bytes as another, such as "
            text += " and ".join(copies[0]) + (f"; {_compare_copies(pairs)}" if pairs else "")
            lines.append(Finding.warning("copies", text, photos=len(copies), pairs_of_copies=pairs))
    return lines or [Finding.ok("copies", "no two photos of a split have the same bytes")]


def _compare_copies(pairs: int) -> str:
    return f"{counted(pairs, 'pair')} {'compares' if pairs == 1 else 'compare'} a photo with its own copy"


def _repeated(labels: Mapping[Split, PairTable]) -> Iterator[Finding]:
    for split, table in labels.items():
        if len(pairs := consistency.repeated(table)):
            names = " and ".join(table.photos[at].name for at in pairs[0])
            text = f"{split}: {counted(len(pairs), 'pair')} listed more than once with one winner, such as {names}"
            yield Finding.warning("repeats", text, pairs=len(pairs))


def _contradicted(labels: Mapping[Split, PairTable]) -> list[Finding]:
    about, lines = "label consistency", []
    for split, table in labels.items():
        if len(pairs := consistency.contradicted(table)):
            names = " and ".join(table.photos[at].name for at in pairs[0])
            text = f"{split}: {counted(len(pairs), 'pair')} listed with opposite winners, such as {names}"
            lines.append(Finding.warning(about, text, pairs=len(pairs)))
    return lines or [Finding.ok(about, "no two photos are listed with opposite winners")]


def _intransitive(labels: Mapping[Split, PairTable]) -> list[Finding]:
    about, lines = "intransitive triads", []
    for split, table in labels.items():
        triads = consistency.triads(table)
        if triads is None:
            lines.append(Finding.note(about, f"{split}: triads were not counted, since too many pairs are connected"))
        elif triads.example is not None:
            names = " > ".join(table.photos[at].name for at in (*triads.example, triads.example[0]))
            numbers = {"intransitive": triads.intransitive, "decided": triads.decided}
            text = f"{split}: {triads.intransitive:,} of {triads.decided:,} triads are intransitive, such as {names}"
            if triads.decided >= ENOUGH and triads.intransitive / triads.decided >= COIN:
                text += ": about as many as coin tosses would make (25 %); are the labels random?"
                lines.append(Finding.warning(about, text, **numbers))
            else:
                lines.append(Finding.note(about, text, **numbers))
    return lines or [Finding.ok(about, "no triad is intransitive (A > B > C > A)")]


def _one_sided(labels: Mapping[Split, PairTable]) -> list[Finding]:
    about, lines, shares = "constant answer", [], []
    for split, table in labels.items():
        share = constant_accuracy(table.preference, table.weight)
        if share is None or len(table) < ENOUGH:
            continue
        shares.append(share)
        first, second = table.preference > 0.5, table.preference < 0.5
        lead = float(table.weight @ first - table.weight @ second)
        if share > UNBALANCED and not at_chance(int(first.sum()), int(first.sum() + second.sum())):
            text = f"{split}: a model that always says `{'first' if lead >= 0 else 'second'}` gets {percent(share)}"
            lines.append(Finding.warning(about, f"{text}: print it beside every accuracy", accuracy=share))
    if shares and not lines:
        text = f"a model that always says the same gets at most {percent(max(shares))}"
        lines.append(Finding.ok(about, text, accuracy=max(shares)))
    return lines


def _mean_votes(labels: Mapping[Split, VoteTable]) -> Iterator[Finding]:
    voted = {split: table.means for split, table in labels.items() if len(table)}
    good = {split: float((means > GOOD).mean()) for split, means in voted.items()}
    if good:
        always = "good" if next(iter(good.values())) >= 0.5 else "bad"
        shares = ", ".join(
            f"{percent(share if always == 'good' else 1 - share)} ({split})" for split, share in good.items()
        )
        text = f"good or bad: a model that always says `{always}` gets {shares}; print it beside every accuracy"
        yield Finding.note("constant answer", text, **{f"{split}_good": share for split, share in good.items()})
    for split, means in voted.items():
        mean = float(means.mean())
        if len(means) >= ENOUGH and not MEAN_VOTES[0] <= mean <= MEAN_VOTES[1]:
            text = f"{split}: the mean vote is {mean:.2f}, AVA's is 5.38: are the ten columns shifted by one?"
            yield Finding.warning("mean vote", text, mean=mean)
