"""Models against baselines: whether they beat the best one, what they do where it errs, and whether they copy it."""

import numpy as np
import pandas as pd

from iqbench.baselines import ALWAYS_FIRST, OF_COPIES, best_baseline
from iqbench.benchmark.chance import ALL
from iqbench.benchmark.corrected_scores import CorrectedScores
from iqbench.benchmark.tables import BenchmarkSample
from iqbench.results.model_summary import AgainstBaseline, AgainstBaselines, ChoosesLike
from iqbench.statistics.estimate import ALPHA, NO_PAIR, Accuracy, Array, Difference, Estimate
from iqbench.statistics.paired_tests import paired_differences, undefined_difference

ALIKE = 0.95
"""Share of pairs from which on a model may be a baseline in disguise."""

MIN_DECIDED = 0.2
"""Minimum share of pairs in which the baseline is not tied, so that agreement with it means something."""


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
        self._choices = margins.reindex(columns=[ALWAYS_FIRST, *OF_COPIES]).apply(np.sign)
        self._pairs = {name: sample.of_model(name).asked.set_index("degraded") for name in sample.models}
        keys = [(name, kind) for name in sample.models for kind in (ALL, *sample.types)]
        self._kept = {key: rows for key in keys if len(rows := self._rows(*key))}
        self._best = {key: self._best_of(rows) for key, rows in self._kept.items()}
        self._differences = self._tested()
        self.corrected = CorrectedScores(self._pairs, self._choices, sample.bootstrap)

    def of_model(self, name: str) -> AgainstBaselines:
        """Return a model against the baselines."""
        pairs = self._pairs[name]
        by_type = {kind: self._against_best(name, kind) for kind in self._sample.types if (name, kind) in self._kept}
        return AgainstBaselines(
            overall=self._against_best(name, ALL),
            by_degradation=by_type,
            corrected=self.corrected.of_model(name),
            chooses_like=self._chooses_like(pairs),
        )

    def _rows(self, name: str, kind: str) -> pd.DataFrame:
        pairs = self._pairs[name]
        return pairs if kind == ALL else pairs[pairs["degradation_type"] == kind]

    def _best_of(self, rows: pd.DataFrame) -> tuple[str | None, Estimate]:
        """Return the best baseline on these pairs, and its accuracy."""
        correct = self._correct.reindex(rows.index)
        means = correct.mean().dropna()
        best = best_baseline({str(name): float(mean) for name, mean in means.items()})
        if best is None:
            return None, Estimate(value=None, reason=NO_PAIR, interval_reason=NO_PAIR)
        known = correct[best].notna()
        values = correct.loc[known, best].to_numpy(np.float64)
        return best, self._sample.bootstrap.proportion(Estimate, rows["cluster"][known], values)

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
        if best is None or accuracy is None:
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
            **accuracy.as_fields("baseline_accuracy"),
            beaten=beaten,
            ceiling=difference.p is not None and ceiling,
            where_baseline_errs=self._accuracy(errs, f"{best} is never wrong here"),
        )

    def _accuracy(self, rows: pd.DataFrame, undefined: str) -> Accuracy:
        correct = rows["correct"].to_numpy(np.float64)
        return self._sample.bootstrap.proportion(Accuracy, rows["cluster"], correct, undefined)

    def _chooses_like(self, pairs: pd.DataFrame) -> dict[str, ChoosesLike]:
        """Return the share of pairs in which the model chooses what a baseline chooses, of baselines that choose."""
        choice = pairs["prediction"].map({1: 1.0, 0: -1.0}).fillna(0.0).to_numpy(np.float64)
        likenesses = {}
        for name in OF_COPIES:
            choices = self._choices[name].reindex(pairs.index).to_numpy(np.float64)
            answered = ~np.isnan(choices)
            if (answered & (choices != 0)).sum() <= MIN_DECIDED * len(pairs):
                continue
            alike = (choices == choice).astype(np.float64)
            share = self._sample.bootstrap.proportion(Estimate, pairs["cluster"][answered], alike[answered])
            errors = answered & (choices < 0)
            shared = self._sample.bootstrap.proportion(
                Accuracy, pairs["cluster"][errors], alike[errors], f"{name} is never wrong here"
            )
            copies = shared.interval is not None and shared.interval[0] > 0.5
            likenesses[name] = ChoosesLike(
                **share.as_fields("share"),
                errors=int(errors.sum()),
                errors_shared=shared,
                suspect=copies and (share.value or 0.0) >= ALIKE,
            )
        return likenesses
