"""Accuracies of one model: overall, by type, group, severity and level, each with an interval over photos."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from iqbench.benchmark.chance import ALL, IDENTITY, REENCODE, ChanceTests, chance_fields, reencoded
from iqbench.benchmark.tables import BenchmarkSample, ModelTables
from iqbench.inference.failures import NOT_APPLICABLE
from iqbench.results.model_summary import (
    Controls,
    IdentityControl,
    MacroAccuracy,
    PairStatistics,
    ReencodeControl,
    SeverityStep,
    TypeSeverityStep,
)
from iqbench.statistics.bootstrap import Bootstrap
from iqbench.statistics.calibration import Calibration, reliability
from iqbench.statistics.estimate import NO_PAIR, Accuracy, AccuracyAgainstChance, Array, Estimate, Interval
from iqbench.statistics.proportions import cluster_intervals

UNCALIBRATED = "P(original better), uncalibrated: sigmoid of the raw margin; each pair in both orders"

PROPORTION, VERDICT_CONFIDENCE, LEGACY_CONFIDENCE = (0.0, 1.0), (0.5, 1.0), (0.0, 2.0)
"""The least and the largest value of a proportion, and of both confidences; see `iqbench.protocol.decide`."""


class ModelAccuracies:
    """A model's accuracies over all pairs and by type.

    Args:
        tables: The rows of the model.
        sample: The benchmark, with its clusters.
        chance: The tests against 50 %.
    """

    def __init__(self, tables: ModelTables, sample: BenchmarkSample, chance: ChanceTests) -> None:
        asked, judged, types, bootstrap = tables.asked, tables.judged, sample.types, sample.bootstrap
        self._tables, self._types, self._bootstrap, self._chance = tables, types, bootstrap, chance
        self._sums, self._counts = self._by_type(asked, asked["correct"])
        confidence = VERDICT_CONFIDENCE if sample.protocol.orders == "both" else LEGACY_CONFIDENCE
        self._means = {
            "avg_confidence": self._estimates(judged, judged["confidence"], NO_PAIR, confidence),
            "avg_legacy_confidence": self._estimates(
                judged, judged["legacy_confidence"], "no legacy confidence", LEGACY_CONFIDENCE
            ),
            "avg_score_drop": self._estimates(
                judged, judged["score_original"] - judged["score_degraded"], "the model has no score", None
            ),
            "tie_rate": self._estimates(judged, judged["prediction"].isna(), NO_PAIR),
            "order_consistency": self._estimates(judged, judged["order_consistent"], NO_PAIR),
        }

    def overall(self) -> PairStatistics:
        """Return the statistics of all pairs."""
        sums, counts = (table.sum(axis=1, keepdims=True) for table in (self._sums, self._counts))
        return self._pair_statistics(ALL, sums, counts)

    def macro(self) -> MacroAccuracy:
        """Return the mean accuracy over the types that have a judged pair."""
        judged = self._counts.sum(axis=0) > 0
        sums, counts = self._sums[:, judged], self._counts[:, judged]
        weights = 1 / (counts.sum(axis=0) * max(int(judged.sum()), 1))
        rows = counts.sum(axis=1, keepdims=True)
        weighted = (sums * weights).sum(axis=1, keepdims=True), (counts * weights).sum(axis=1, keepdims=True)
        low, high = cluster_intervals(*weighted, rows=rows)[0].tolist()
        return MacroAccuracy.with_interval(
            float(weighted[0].sum()) if judged.any() else np.nan,
            None if np.isnan(low) else (low, high),
            int(rows.sum()),
            NO_PAIR,
            self._bootstrap.too_few(int((rows > 0).sum())),
            types=int(judged.sum()),
        )

    def groups(self) -> dict[str, Accuracy]:
        """Return the accuracy of each group of types."""
        of_types = self._tables.pairs.groupby("degradation_type")["degradation_group"].first().reindex(self._types)
        names = sorted(of_types.dropna().unique())
        belongs = np.array([[group == name for name in names] for group in of_types], dtype=np.float64)
        belongs = belongs.reshape(len(self._types), len(names))
        sums, counts = self._sums @ belongs, self._counts @ belongs
        estimates = self._bootstrap.proportions_of(Accuracy, sums, counts, [{}] * len(names))
        return dict(zip(map(str, names), estimates, strict=True))

    def by_degradation(self) -> dict[str, PairStatistics]:
        """Return the statistics of each type that has a planned pair."""
        planned = set(self._tables.pairs["degradation_type"])
        return {
            kind: self._pair_statistics(kind, self._sums[:, [at]], self._counts[:, [at]])
            for at, kind in enumerate(self._types)
            if kind in planned
        }

    def _pair_statistics(self, kind: str, sums: Array, counts: Array) -> PairStatistics:
        """Return the statistics of the pairs of a type, or of all pairs."""
        pairs, asked, judged = (
            table if kind == ALL else table[table["degradation_type"] == kind]
            for table in (self._tables.pairs, self._tables.asked, self._tables.judged)
        )
        (accuracy,) = self._bootstrap.proportions_of(Accuracy, sums, counts, [{}])
        p, inapplicable = self._chance.types.get((self._tables.name, kind)), _inapplicable(pairs)
        fields = dict[str, Any]()
        for name, estimates in self._means.items():
            fields |= estimates[kind].as_fields(name)
        return PairStatistics(
            **dict(accuracy),
            **chance_fields(p, accuracy.value, accuracy.interval),
            ties=int(judged["prediction"].isna().sum()),
            unanswered=len(asked) - len(judged),
            failed=len(pairs) - len(judged) - inapplicable,
            not_applicable=inapplicable,
            **fields,
        )

    def _by_type(self, rows: pd.DataFrame, values: "pd.Series[Any]") -> tuple[Array, Array]:
        """Return the sum and the number of the finite values in each cluster and type."""
        numbers = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        finite = np.isfinite(numbers)
        codes = pd.Index(self._types).get_indexer(pd.Index(rows["degradation_type"][finite]))
        clusters, width = rows["cluster"][finite], len(self._types)
        sums = self._bootstrap.sums(clusters, codes, np.asarray(numbers[finite], dtype=np.float64), width)
        return sums, self._bootstrap.sums(clusters, codes, np.ones(len(codes)), width)

    def _estimates(
        self, rows: pd.DataFrame, values: "pd.Series[Any]", undefined: str, bounds: Interval | None = PROPORTION
    ) -> dict[str, Estimate]:
        """Return the mean of the finite values over all pairs and on each type.

        Args:
            rows: The pairs.
            values: A value per pair.
            undefined: The reason if no value is finite.
            bounds: The least and the largest possible value, None if there are none.
        """
        sums, counts = (np.hstack([table, table.sum(axis=1, keepdims=True)]) for table in self._by_type(rows, values))
        if bounds == PROPORTION:
            estimates = self._bootstrap.proportions_of(Estimate, sums, counts, [{}] * sums.shape[1], undefined)
        else:
            estimates = self._bootstrap.means_of(Estimate, sums, counts, undefined, bounds)
        return dict(zip([*self._types, ALL], estimates, strict=True))


def _inapplicable(rows: pd.DataFrame) -> int:
    """Return the number of rows whose degraded copy cannot be made of that photo."""
    return int((rows["status"] == NOT_APPLICABLE).sum())


def severity_steps(tables: ModelTables, bootstrap: Bootstrap, chance: ChanceTests) -> dict[str, list[SeverityStep]]:
    """Return the accuracy at each level of each ladder, mildest first."""
    groups = tables.asked.groupby(["ladder", "severity"])
    ladders: dict[str, list[SeverityStep]] = {}
    codes = groups.ngroup().to_numpy()
    estimates = _group_accuracies(tables.asked, codes, groups.ngroups, bootstrap)
    margins = _group_margins(tables.asked, codes, groups.ngroups, bootstrap)
    for ((ladder, severity), rows), accuracy, margin in zip(groups, estimates, margins, strict=True):
        first = rows.iloc[0]
        step = SeverityStep(
            **dict(accuracy),
            **chance_fields(chance.levels.get((tables.name, ladder, severity)), accuracy.value, accuracy.interval),
            severity=int(first["severity"]),
            level=str(first["degradation_level"]),
            degradation_type=str(first["degradation_type"]),
            **margin.as_fields("avg_margin"),
        )
        ladders.setdefault(str(ladder), []).append(step)
    return ladders


def type_severity_steps(tables: ModelTables, bootstrap: Bootstrap) -> dict[str, list[TypeSeverityStep]]:
    """Return the accuracy at each severity of each type, over all ladders of the type."""
    groups = tables.asked.groupby(["degradation_type", "severity"])
    types: dict[str, list[TypeSeverityStep]] = {}
    estimates = _group_accuracies(tables.asked, groups.ngroup().to_numpy(), groups.ngroups, bootstrap)
    for ((kind, _), rows), accuracy in zip(groups, estimates, strict=True):
        levels = sorted(set(rows["degradation_level"]))
        types.setdefault(str(kind), []).append(
            TypeSeverityStep(**dict(accuracy), severity=int(rows["severity"].iloc[0]), levels=levels)
        )
    return types


def level_accuracies(tables: ModelTables, bootstrap: Bootstrap) -> dict[str, dict[str, Accuracy]]:
    """Return the accuracy at each level of each type."""
    groups = tables.asked.groupby(["degradation_type", "degradation_level"], sort=False)
    levels: dict[str, dict[str, Accuracy]] = {}
    estimates = _group_accuracies(tables.asked, groups.ngroup().to_numpy(), groups.ngroups, bootstrap)
    for ((kind, level), _), accuracy in zip(groups, estimates, strict=True):
        levels.setdefault(str(kind), {})[str(level)] = accuracy
    return {kind: levels[kind] for kind in sorted(levels)}


def tested_accuracies(
    rows: pd.DataFrame, codes: Any, p_values: list[float | None], bootstrap: Bootstrap
) -> list[AccuracyAgainstChance]:
    """Return the accuracy of each group of rows, tested against 50 %."""
    estimates = _group_accuracies(rows, codes, len(p_values), bootstrap)
    return [
        AccuracyAgainstChance(**dict(accuracy), **chance_fields(p, accuracy.value, accuracy.interval))
        for accuracy, p in zip(estimates, p_values, strict=True)
    ]


def control_results(name: str, controls: pd.DataFrame, bootstrap: Bootstrap, chance: ChanceTests) -> Controls:
    """Return the results on the two controls.

    Args:
        name: The name of the model.
        controls: Its rows about controls.
        bootstrap: The clusters of the photos.
        chance: The tests against 50 %.
    """
    identical = controls[(controls["status"] == "ok") & (controls["degradation_level"] == IDENTITY)]
    failed = controls[controls["status"] != "ok"]["degradation_level"].value_counts()
    ties, rows = int(identical["prediction"].isna().sum()), reencoded(controls, bootstrap)
    accuracy = bootstrap.proportion(Accuracy, rows["cluster"], rows["correct"].to_numpy(np.float64))
    return Controls(
        identity=IdentityControl(
            pairs=len(identical),
            ties=ties,
            failed=int(failed.get(IDENTITY, 0)),
            all_tie=ties == len(identical) if len(identical) else None,
            all_tie_reason=None if len(identical) else NO_PAIR,
        ),
        reencode=ReencodeControl(
            **dict(accuracy),
            **chance_fields(chance.reencoded.get((name,)), accuracy.value, accuracy.interval),
            failed=int(failed.get(REENCODE, 0)),
        ),
    )


def raw_calibration(judged: pd.DataFrame, bootstrap: Bootstrap) -> Calibration:
    """Return the reliability of the sigmoid of the margins, for models whose margins are log-odds."""
    return reliability(expit(judged["margin"].to_numpy(np.float64)), judged["cluster"], bootstrap, UNCALIBRATED)


def _group_accuracies(rows: pd.DataFrame, codes: Any, groups: int, bootstrap: Bootstrap) -> list[Accuracy]:
    correct = rows["correct"].to_numpy(np.float64)
    return bootstrap.proportions(Accuracy, rows["cluster"], codes, correct, [{}] * groups)


def _group_margins(rows: pd.DataFrame, codes: Any, groups: int, bootstrap: Bootstrap) -> list[Estimate]:
    """Return the mean of the finite margins of each group of rows."""
    margins = rows["margin"].to_numpy(np.float64)
    finite = np.isfinite(margins)
    clusters = rows["cluster"][finite]
    sums, counts = (
        bootstrap.sums(clusters, codes[finite], values, groups) for values in (margins[finite], np.ones(finite.sum()))
    )
    return bootstrap.means_of(Estimate, sums, counts, "no finite margin")
