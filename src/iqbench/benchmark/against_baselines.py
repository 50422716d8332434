"""Models against baselines: whether they beat the best one, what they do where it errs, and whether they copy it."""

from collections.abc import Sequence

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

MIN_CLUSTERS = 5
"""Photos in which a baseline must err, and be right, so that the corrected score does not hang on one of them."""

NEVER_ERRS = f"no baseline errs on {MIN_CLUSTERS} photos and is right on {MIN_CLUSTERS}"


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
        scores: dict[str, CorrectedScore] = {}
        for name in self._correct:
            baseline = self._correct[name].reindex(pairs.index).to_numpy(np.float64)
            sides = [pairs[baseline == 1], pairs[baseline == 0]]
            if all(side["cluster"].nunique() >= MIN_CLUSTERS for side in sides):
                scores[str(name)] = _balanced(sides, self._sample.bootstrap, str(name))
        if not scores:
            reason = NEVER_ERRS if len(pairs) else NO_PAIR
            return CorrectedScore(value=None, reason=reason, interval_reason=reason)
        return min(scores.values(), key=lambda score: score.value or 0.0)

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


def _balanced(sides: Sequence[pd.DataFrame], bootstrap: Bootstrap, baseline: str) -> CorrectedScore:
    """Return the mean accuracy of both sides, scaled so that 1/2 is 0.

    The interval is that of the resamples, and at least as wide as the intervals of both sides allow (square and add,
    Zou and Donner 2008), since resamples of a perfect judge do not vary.
    """
    draws, estimates = [], []
    for rows in sides:
        zeros, correct = np.zeros(len(rows), dtype=np.intp), rows["correct"].to_numpy(np.float64)
        totals = bootstrap.totals(rows["cluster"], zeros, correct, 1)
        draws.append(ratio(totals, bootstrap.totals(rows["cluster"], zeros, np.ones(len(rows)), 1))[:, 0])
        estimates.append(bootstrap.proportion(Accuracy, rows["cluster"], correct))
    clusters = min(rows["cluster"].nunique() for rows in sides)
    score = CorrectedScore.from_draws(
        draws[0] + draws[1] - 1, sum(map(len, sides)), clusters, NO_PAIR, baseline=baseline
    )
    if score.interval is None or score.value is None:
        return score
    reaches = [
        np.sqrt(sum(((side.value or 0.0) - side.interval[end]) ** 2 for side in estimates if side.interval))
        for end in (0, 1)
    ]
    low, high = min(score.interval[0], score.value - reaches[0]), max(score.interval[1], score.value + reaches[1])
    return score.model_copy(update={"interval": (max(-1.0, float(low)), min(1.0, float(high)))})
