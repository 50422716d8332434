"""What there is in a labelled set: how much of it, how it is balanced, and what a blind guess is worth."""

from typing import Any

import numpy as np
import pandas as pd

from iqbench.labels import LabelTable, PairTable, VoteTable
from iqbench.metrics.pairs import AGREEMENT, constant_accuracy
from iqbench.metrics.votes import GOOD, binary_constant_accuracy


def census(labels: LabelTable, examined: pd.DataFrame) -> dict[str, Any]:
    """Return a split's counts as plain JSON values; of the labels as the files have them.

    Args:
        labels: The split's labels, those of photos that cannot be used included.
        examined: What became of each photo; see `iqbench.datasets.decode_cache.examine`.
    """
    codes = examined["code"].reindex([photo.name for photo in labels.photos])
    unusable = codes[codes != "ok"]
    found = {
        "kind": labels.kind,
        "labels": len(labels),
        "photos": len(labels.photos),
        "unusable_photos": {str(code): int(count) for code, count in unusable.value_counts().sort_index().items()},
        "labels_lost": len(labels) - len(labels.without(set(unusable.index))) if len(unusable) else 0,
    }
    return found | (_of_pairs(labels) if isinstance(labels, PairTable) else _of_votes(labels))


def _of_pairs(pairs: PairTable) -> dict[str, Any]:
    majority = np.round(np.maximum(pairs.preference, 1 - pairs.preference), 9)  # 1 - 0.4 is a little less than 0.6
    return {
        "series": len(np.unique(pairs.series)),
        "first_better": int((pairs.preference > 0.5).sum()),
        "second_better": int((pairs.preference < 0.5).sum()),
        "no_winner": int((pairs.preference == 0.5).sum()),
        "constant_accuracy": constant_accuracy(pairs.preference, pairs.weight),
        "agreement_at_least": {f"{share:g}": int((majority >= share).sum()) for share in AGREEMENT[1:-1]},
    }


def _of_votes(votes: VoteTable) -> dict[str, Any]:
    if not len(votes):
        return dict.fromkeys(("mean", "sd", "votes_per_photo", "good", "constant_accuracy"))
    totals = votes.counts.sum(axis=1)
    return {
        "mean": float(votes.means.mean()),
        "sd": float(votes.means.std()),
        "votes_per_photo": {"mean": float(totals.mean()), "least": int(totals.min()), "most": int(totals.max())},
        "good": float((votes.means > GOOD).mean()),
        "constant_accuracy": binary_constant_accuracy(votes.means),
    }
