"""Models against baselines: whether they beat the best one, what they do where it errs, and whether they copy it."""

from typing import Any

import numpy as np
import pandas as pd

from iqbench.baselines import ALWAYS_FIRST, OF_COPIES, best_baseline
from iqbench.benchmark.chance import ALL
from iqbench.benchmark.tables import BenchmarkSample
from iqbench.results.model_summary import AgainstBaseline, AgainstBaselines, ChoosesLike, CorrectedScore
from iqbench.statistics.bootstrap import Bootstrap, ratio
from iqbench.statistics.estimate import ALPHA, NO_PAIR, Accuracy, Array, Difference
from iqbench.statistics.paired_tests import paired_differences, undefined_difference

ALIKE = 0.95
"""Share of pairs from which on a model may be a baseline in disguise."""

MIN_DECIDED = 0.2
"""Minimum share of pairs in which the baseline is not tied, so that agreement with it means something."""

NEVER_ERRS = "no baseline both errs and is right"


class BaselineComparisons:
    """All models against the best baseline of each type and of all pairs; p-values are corrected for all of them.

    Args:
        sample: The pairs and their clusters.
        verdicts: From `iqbench.baselines.baseline_verdicts`.
    """

    def __init__(self, sample: BenchmarkSample, verdicts: pd.DataFrame) -> None:
        self._sample = sample
        wide = verdicts.pivot(index="degraded", columns="model_name", values="correct")
        self._correct = wide.reindex(columns=[ALWAYS_FIRST, *OF_COPIES])
        margins = verdicts.pivot(index="degraded", columns="model_name", values="margin")
        self._margins = margins.reindex(columns=list(OF_COPIES))
        self._pairs = {name: sample.of_model(name).asked.set_index("degraded") for name in sample.models}
        keys = [(name, kind) for name in sample.models for kind in (ALL, *sample.types)]
        self._kept = {key: rows for key in keys if len(rows := self._rows(*key))}
        self._best = {key: self._best_of(rows) for key, rows in self._kept.items()}
        self._differences = self._tested()

    def of_model(self, name: str) -> AgainstBaselines:
        """Return a model against the baselines."""
        pairs = self._pairs[name]
        by_type = {kind: self._against_best(name, kind) for kind in self._sample.types if (name, kind) in self._kept}
        return AgainstBaselines(
            overall=self._against_best(name, ALL),
            by_degradation=by_type,
            corrected=self._corrected_score(pairs),
            chooses_like=self._chooses_like(pairs),
        )

    def _rows(self, name: str, kind: str) -> pd.DataFrame:
        pairs = self._pairs[name]
        return pairs if kind == ALL else pairs[pairs["degradation_type"] == kind]

    def _best_of(self, rows: pd.DataFrame) -> tuple[str | None, float | None]:
        """Return the best baseline on these pairs, and its accuracy."""
        means = self._correct.reindex(rows.index).mean().dropna()
        best = best_baseline({str(name): float(mean) for name, mean in means.items()})
        return best, None if best is None else float(means[best])

    def _tested(self) -> dict[tuple[str, str], tuple[Difference, bool]]:
        """Return the difference of each model from its best baseline, and whether the baseline is at its ceiling."""
        bootstrap, flips = self._sample.bootstrap, self._sample.flips
        keys = [key for key, (best, _) in self._best.items() if best is not None]
        if not keys:
            return {}
        sums, perfect, counts = list[Array](), list[Array](), list[Array]()
        reasons = []
        for key in keys:
            rows = self._kept[key]
            baseline = self._correct[str(self._best[key][0])].reindex(rows.index).to_numpy(np.float64)
            correct, known = rows["correct"].to_numpy(np.float64), ~np.isnan(baseline)
            clusters, zeros = rows["cluster"][known], np.zeros(int(known.sum()), dtype=np.intp)
            columns = [
                bootstrap.sums(clusters, zeros, values[known], 1)[:, 0]
                for values in (correct - baseline, 1 - baseline, np.ones(len(rows)))
            ]
            for table, column in zip((sums, perfect, counts), columns, strict=True):
                table.append(column)
            reasons.append(bootstrap.too_few(int(clusters.nunique())) if len(clusters) else NO_PAIR)
        tables = [np.stack(table, axis=1) for table in (sums, counts, perfect)]
        differences = paired_differences(Difference, flips, tables[0], tables[1], [{}] * len(keys), reasons)
        _, best_possible = flips.test(tables[2])
        return {
            key: (difference, bool(p >= ALPHA))
            for key, difference, p in zip(keys, differences, best_possible, strict=True)
        }

    def _against_best(self, name: str, kind: str) -> AgainstBaseline:
        best, accuracy = self._best.get((name, kind), (None, None))
        if best is None:
            nothing = Accuracy.with_interval(np.nan, None, 0, NO_PAIR)
            return undefined_difference(
                AgainstBaseline, NO_PAIR, baseline=None, beaten=None, where_baseline_errs=nothing
            )
        difference, ceiling = self._differences[name, kind]
        rows = self._kept[name, kind]
        errs = rows[(self._correct[best].reindex(rows.index) == 0).to_numpy()]
        beaten = None if difference.p is None else difference.shown and (difference.value or 0) > 0
        return AgainstBaseline(
            **dict(difference),
            baseline=best,
            baseline_accuracy=accuracy,
            beaten=beaten,
            ceiling=difference.p is not None and ceiling,
            where_baseline_errs=self._accuracy(errs, f"{best} is never wrong here"),
        )

    def _accuracy(self, rows: pd.DataFrame, undefined: str) -> Accuracy:
        correct = rows["correct"].to_numpy(np.float64)
        return self._sample.bootstrap.proportion(Accuracy, rows["cluster"], correct, undefined)

    def _corrected_score(self, pairs: pd.DataFrame) -> CorrectedScore:
        """Return the lowest score over all baselines that are wrong in some pairs and right in others."""
        scores: dict[str, Array] = {}
        for name in self._correct:
            baseline = self._correct[name].reindex(pairs.index).to_numpy(np.float64)
            sides = [baseline == 1, baseline == 0]
            if all(side.any() for side in sides):
                scores[str(name)] = _balanced(pairs, sides, self._sample.bootstrap)
        if not scores:
            reason = NEVER_ERRS if len(pairs) else NO_PAIR
            return CorrectedScore(value=None, reason=reason, interval_reason=reason)
        name = min(scores, key=lambda baseline: scores[baseline][0])
        units = pairs["cluster"].nunique()
        few = self._sample.bootstrap.too_few(units)
        return CorrectedScore.from_draws(scores[name], len(pairs), units, NO_PAIR, few, baseline=name)

    def _chooses_like(self, pairs: pd.DataFrame) -> dict[str, ChoosesLike]:
        """Return the share of pairs in which the model chooses what a baseline chooses, of baselines that choose."""
        choice = pairs["prediction"].map({1: 1.0, 0: -1.0}).fillna(0.0).to_numpy(np.float64)
        likenesses = {}
        for name in OF_COPIES:
            choices = np.sign(self._margins[name].reindex(pairs.index).to_numpy(np.float64))
            answered = ~np.isnan(choices)
            if (answered & (choices != 0)).sum() <= MIN_DECIDED * len(pairs):
                continue
            alike = (choices == choice) & answered
            errors = answered & (choices < 0)
            shared = self._sample.bootstrap.proportion(
                Accuracy, pairs["cluster"][errors], alike[errors].astype(np.float64), f"{name} is never wrong here"
            )
            share = float(alike[answered].mean())
            copies = shared.interval is not None and shared.interval[0] > 0.5
            likenesses[name] = ChoosesLike(
                share=share, errors=int(errors.sum()), errors_shared=shared, suspect=share >= ALIKE and copies
            )
        return likenesses


def _balanced(pairs: pd.DataFrame, sides: list[Any], bootstrap: Bootstrap) -> Array:
    """Return the mean accuracy of both sides, scaled so that 1/2 is 0, in the sample and in each resample."""
    means = []
    for side in sides:
        rows = pairs[side]
        zeros = np.zeros(len(rows), dtype=np.intp)
        totals = bootstrap.totals(rows["cluster"], zeros, rows["correct"].to_numpy(np.float64), 1)
        counts = bootstrap.totals(rows["cluster"], zeros, np.ones(len(rows)), 1)
        means.append(ratio(totals, counts)[:, 0])
    return np.asarray(means[0] + means[1] - 1, dtype=np.float64)
