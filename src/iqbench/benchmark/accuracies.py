"""Accuracies of one model: overall, by type, group, severity and level, each with an interval over photos."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from iqbench.benchmark.chance import ALL, IDENTITY, REENCODE, ChanceTests, chance_fields, reencoded
from iqbench.benchmark.tables import BenchmarkSample, ModelTables
from iqbench.records import value_or_reason
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
from iqbench.statistics.estimate import NO_PAIR, Accuracy, AccuracyAgainstChance, Array
from iqbench.statistics.proportions import cluster_intervals

UNCALIBRATED = "P(original better), uncalibrated: sigmoid of the raw margin; each pair in both orders"


class ModelAccuracies:
    """A model's accuracies over all pairs and by type.

    Args:
        tables: The rows of the model.
        sample: The benchmark, with its clusters.
        chance: The tests against 50 %.
    """

    def __init__(self, tables: ModelTables, sample: BenchmarkSample, chance: ChanceTests) -> None:
        asked, types, bootstrap = tables.asked, sample.types, sample.bootstrap
        codes = pd.Index(types).get_indexer(pd.Index(asked["degradation_type"]))
        self._tables, self._types, self._bootstrap, self._chance = tables, types, bootstrap, chance
        self._sums = bootstrap.sums(asked["cluster"], codes, asked["correct"].to_numpy(np.float64), len(types))
        self._counts = bootstrap.sums(asked["cluster"], codes, np.ones(len(asked)), len(types))

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
        ties = int(judged["prediction"].isna().sum())
        drop = _mean(judged["score_original"] - judged["score_degraded"])
        consistent: Array = judged["order_consistent"].to_numpy(dtype=np.float64, na_value=np.nan)
        consistency = self._bootstrap.proportion(Accuracy, judged["cluster"], consistent)
        p = self._chance.types.get((self._tables.name, kind))
        return PairStatistics(
            **dict(accuracy),
            **chance_fields(p, accuracy.value, accuracy.interval),
            ties=ties,
            unanswered=len(asked) - len(judged),
            failed=len(pairs) - len(judged),
            **value_or_reason("avg_confidence", _mean(judged["confidence"]), NO_PAIR),
            **value_or_reason("avg_legacy_confidence", _mean(judged["legacy_confidence"]), "no legacy confidence"),
            **value_or_reason("avg_score_drop", drop, "the model has no score"),
            **value_or_reason("tie_rate", ties / len(judged) if len(judged) else None, NO_PAIR),
            **consistency.as_fields("order_consistency"),
        )


def severity_steps(tables: ModelTables, bootstrap: Bootstrap, chance: ChanceTests) -> dict[str, list[SeverityStep]]:
    """Return the accuracy at each level of each ladder, mildest first."""
    groups = tables.asked.groupby(["ladder", "severity"])
    ladders: dict[str, list[SeverityStep]] = {}
    estimates = _group_accuracies(tables.asked, groups.ngroup().to_numpy(), groups.ngroups, bootstrap)
    for ((ladder, severity), rows), accuracy in zip(groups, estimates, strict=True):
        first = rows.iloc[0]
        step = SeverityStep(
            **dict(accuracy),
            **chance_fields(chance.levels.get((tables.name, ladder, severity)), accuracy.value, accuracy.interval),
            severity=int(first["severity"]),
            level=str(first["degradation_level"]),
            degradation_type=str(first["degradation_type"]),
            **value_or_reason("avg_margin", _mean(rows["margin"]), "no finite margin"),
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


def _mean(values: "pd.Series[Any]") -> float | None:
    """Return the mean of the finite values, None if there is none."""
    numbers = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    return float(numbers.mean()) if numbers.size else None
