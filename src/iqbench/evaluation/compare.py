"""The comparison of every two judges on the labels that both were asked about, all in one family."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from iqbench.errors import UsageError
from iqbench.evaluation.answers import pair_answers, vote_answers, with_average_answers
from iqbench.evaluation.paired_samples import (
    LARGEST_ACCURACY,
    LARGEST_SRCC,
    PairedSample,
    PairedSamples,
    accuracy_differences,
    srcc_differences,
)
from iqbench.results.agreement_summary import ModelComparison
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.estimate import ALPHA

TOO_CLOSE = "too close to call"
TOO_FEW = "with so few labels no difference can be shown"


def compare(
    answers: Mapping[str, pd.DataFrame],
    config: BootstrapConfig,
    tie_worth: float = 0.5,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> list[ModelComparison]:
    """Return the difference of every two judges: in accuracy on pairs, or in SRCC with votes.

    All of them see the same flips or resamples, and p-values are corrected for all that are compared. On pairs of
    independent series the signs of series are flipped; where photos are shared, and for SRCC, photos are resampled. A
    pair that a judge owes an answer is a tie, and a photo that it owes a score has its average one, so it does not pay
    to refuse what is difficult.

    Args:
        answers: As for `iqbench.evaluation.agreement.pair_agreement`, or `vote_agreement`, by the name of the judge.
        config: The seed and the number of resamples.
        tie_worth: The accuracy of a tie.
        pairs: The judges that are compared; None for every two.

    Raises:
        UsageError: If two tables hold different labels.
    """
    if len(answers) < 2:
        return []
    names = list(answers)
    pairs = list(combinations(names, 2)) if pairs is None else pairs
    judges = [(names.index(a), names.index(b)) for a, b in pairs]
    if "first" in next(iter(answers.values())):
        tables = [pair_answers(table) for table in answers.values()]
        _check_same(tables, ["series", "first", "second"], ["preference", "weight"])
        differences = accuracy_differences(tables, judges, config, tie_worth)
    else:
        tables = [with_average_answers(vote_answers(table)) for table in answers.values()]
        _check_same(tables, ["photo"], ["true"])
        differences = srcc_differences(tables, judges, config)
    return _comparisons(pairs, differences)


def _check_same(tables: Sequence[pd.DataFrame], keys: list[str], labels: list[str]) -> None:
    """Refuse tables, sorted by keys and labels, that do not hold the same labels.

    Raises:
        UsageError: If they do not.
    """
    first, *others = tables
    for other in others:
        same = len(first) == len(other)
        same = same and all((first[key].to_numpy() == other[key].to_numpy()).all() for key in keys)
        if not (same and all(np.allclose(first[name], other[name], rtol=0, atol=1e-9) for name in labels)):
            raise UsageError("two models were evaluated on different labels; evaluate both on the same set and split")


def _comparisons(names: Sequence[tuple[str, str]], differences: PairedSamples) -> list[ModelComparison]:
    """Return the records of the differences."""
    tests = zip(*(column.tolist() for column in differences.tests), strict=True)
    largest = {"accuracy": LARGEST_ACCURACY, "srcc": LARGEST_SRCC}[differences.measure]
    comparisons = []
    for models, sample in zip(names, differences.samples, strict=True):
        fields, interval, verdict = _untested(sample, differences.undefined), None, TOO_CLOSE
        if not sample.no_test:
            p, corrected, (low, high), least = next(tests)
            interval = (low, high)
            fields = {"p": p, "p_corrected": corrected} | _least(least, largest)
            if corrected < ALPHA:
                fields["better"] = models[0 if sample.difference > 0 else 1]
                verdict = f"{fields['better']} better"
        comparisons.append(
            ModelComparison.with_interval(
                sample.difference,
                interval,
                sample.n,
                differences.undefined,
                sample.no_test,
                models=models,
                verdict=verdict,
                measure=differences.measure,
                a=sample.a if np.isfinite(sample.a) else None,
                b=sample.b if np.isfinite(sample.b) else None,
                unanswered=sample.unanswered,
                left_out=sample.left_out,
                method=differences.method,
                resampling=differences.resampling,
                **fields,
            )
        )
    return comparisons


def _untested(sample: PairedSample, undefined: str) -> dict[str, Any]:
    reason = sample.no_test if np.isfinite(sample.difference) else undefined
    names = ("p_reason", "p_corrected_reason", "least_difference_reason")
    return {"p": None, **dict.fromkeys(names, reason)}


def _least(least: float, largest: float) -> dict[str, Any]:
    shown = np.isfinite(least) and least <= largest
    return {"least_difference": least} if shown else {"least_difference_reason": TOO_FEW}
