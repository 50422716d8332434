"""Dataset statistics: the size and balance of a split, and the accuracy of a constant answer."""

import numpy as np
import pandas as pd

from iqbench.labels import LabelTable, PairTable, ScoreTable, VoteTable
from iqbench.metrics.pairs import AGREEMENT, constant_accuracy
from iqbench.metrics.votes import GOOD, binary_constant_accuracy
from iqbench.results.label_audit_summary import (
    PairStatistics,
    ScoreStatistics,
    SharpnessAgreement,
    SplitStatistics,
    VotesPerPhoto,
    VoteStatistics,
)


def split_statistics(
    labels: LabelTable, examined: pd.DataFrame, sharpness: SharpnessAgreement | None = None
) -> PairStatistics | VoteStatistics | ScoreStatistics:
    """Return the statistics of a split, with the labels as the files have them.

    Args:
        labels: The labels, those of unusable photos included.
        examined: The result of decoding each photo; see `iqbench.datasets.decode_cache.examine`.
        sharpness: The agreement of sharpness alone with the labels, if it was measured.
    """
    codes = examined["code"].reindex([photo.name for photo in labels.photos])
    unusable = codes[codes != "ok"]
    counts = SplitStatistics(
        labels=len(labels),
        photos=len(labels.photos),
        unusable_photos={str(code): int(count) for code, count in unusable.value_counts().sort_index().items()},
        labels_lost=len(labels) - len(labels.without(set(unusable.index))) if len(unusable) else 0,
        sharpness=sharpness,
    )
    if isinstance(labels, ScoreTable):
        return _of_scores(labels, counts)
    return _of_pairs(labels, counts) if isinstance(labels, PairTable) else _of_votes(labels, counts)


def _of_pairs(pairs: PairTable, counts: SplitStatistics) -> PairStatistics:
    majority = np.round(np.maximum(pairs.preference, 1 - pairs.preference), 9)  # 1 - 0.4 is a little less than 0.6
    return PairStatistics(
        **dict(counts),
        series=len(np.unique(pairs.series)),
        first_better=int((pairs.preference > 0.5).sum()),
        second_better=int((pairs.preference < 0.5).sum()),
        no_winner=int((pairs.preference == 0.5).sum()),
        constant_accuracy=constant_accuracy(pairs.preference, pairs.weight),
        agreement_at_least={f"{share:g}": int((majority >= share).sum()) for share in AGREEMENT[1:-1]},
    )


def _of_votes(votes: VoteTable, counts: SplitStatistics) -> VoteStatistics:
    if not len(votes):
        return VoteStatistics(**dict(counts), mean=None, sd=None, votes_per_photo=None, good=None)
    totals = votes.counts.sum(axis=1)
    return VoteStatistics(
        **dict(counts),
        mean=float(votes.means.mean()),
        sd=float(votes.means.std()),
        votes_per_photo=VotesPerPhoto(mean=float(totals.mean()), least=int(totals.min()), most=int(totals.max())),
        good=float((votes.means > GOOD).mean()),
        constant_accuracy=binary_constant_accuracy(votes.means),
    )


def _of_scores(scores: ScoreTable, counts: SplitStatistics) -> ScoreStatistics:
    means = scores.means
    numbers = (means.mean(), means.std(), means.min(), means.max()) if len(means) else (None,) * 4
    mean, sd, lowest, highest = (None if number is None else float(number) for number in numbers)
    references = len({photo.series for photo in scores.photos} - {""})
    return ScoreStatistics(**dict(counts), references=references, mean=mean, sd=sd, lowest=lowest, highest=highest)
