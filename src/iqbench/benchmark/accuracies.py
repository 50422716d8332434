"""Accuracies of one model: overall, by type, group, severity and level, each with an interval over photos."""

from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from iqbench.benchmark.tables import ModelTables
from iqbench.records import value_or_reason
from iqbench.results.model_summary import (
    Controls,
    IdentityControl,
    LevelAccuracy,
    MacroAccuracy,
    PairStatistics,
    ReencodeControl,
    SeverityStep,
    TypeSeverityStep,
)
from iqbench.statistics.bootstrap import Bootstrap, ratio
from iqbench.statistics.calibration import Calibration, reliability
from iqbench.statistics.estimate import NO_PAIR, Accuracy, Array

UNCALIBRATED = "P(original better), uncalibrated: sigmoid of the raw margin; each pair in both orders"

IDENTITY, REENCODE = "identity", "reencode"
"""The levels of the controls."""


class ModelAccuracies:
    """A model's accuracies over all pairs and by type, from draws that are computed once.

    Args:
        tables: The rows of the model.
        types: The degradation types.
        bootstrap: Resamples of the photos.
    """

    def __init__(self, tables: ModelTables, types: list[str], bootstrap: Bootstrap) -> None:
        judged = tables.judged
        codes = pd.Index(types).get_indexer(pd.Index(judged["degradation_type"]))
        self._pairs, self._judged, self._types, self._bootstrap = tables.pairs, judged, types, bootstrap
        correct = judged["correct"].to_numpy(np.float64)
        self._sums = bootstrap.totals(judged["original"], codes, correct, len(types))
        self._counts = bootstrap.totals(judged["original"], codes, np.ones(len(judged)), len(types))

    def overall(self) -> PairStatistics:
        """Return the statistics of all pairs."""
        return _pair_statistics(self._pairs, ratio(self._sums.sum(axis=1), self._counts.sum(axis=1)), self._bootstrap)

    def macro(self) -> MacroAccuracy:
        """Return the mean accuracy over the types that have a judged pair."""
        judged = self._counts[0] > 0
        accuracy = ratio(self._sums, self._counts)
        draws = accuracy[:, judged].mean(axis=1) if judged.any() else np.full(len(accuracy), np.nan)
        few = self._bootstrap.too_few(self._judged["original"].nunique())
        return MacroAccuracy.from_draws(draws, len(self._judged), NO_PAIR, few, types=int(judged.sum()))

    def groups(self) -> dict[str, Accuracy]:
        """Return the accuracy of each group of types."""
        of_types = self._pairs.groupby("degradation_type")["degradation_group"].first().reindex(self._types)
        groups = {}
        for group in sorted(of_types.dropna().unique()):
            columns = (of_types == group).to_numpy()
            photos = self._judged["original"][self._judged["degradation_group"] == group].nunique()
            groups[str(group)] = Accuracy.from_draws(
                ratio(self._sums[:, columns].sum(axis=1), self._counts[:, columns].sum(axis=1)),
                int(self._counts[0, columns].sum()),
                NO_PAIR,
                self._bootstrap.too_few(photos),
            )
        return groups

    def by_degradation(self) -> dict[str, PairStatistics]:
        """Return the statistics of each type that has a planned pair."""
        accuracy = ratio(self._sums, self._counts)
        of_types = {kind: self._pairs[self._pairs["degradation_type"] == kind] for kind in self._types}
        return {
            kind: _pair_statistics(of_types[kind], accuracy[:, at], self._bootstrap)
            for at, kind in enumerate(self._types)
            if len(of_types[kind])
        }


def severity_steps(judged: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, list[SeverityStep]]:
    """Return the accuracy at each level of each ladder, mildest first."""
    ladders: dict[str, list[SeverityStep]] = {}
    for rows, draws in _step_draws(judged, ["ladder", "severity"], bootstrap):
        first = rows.iloc[0]
        step = SeverityStep.from_draws(
            draws,
            len(rows),
            NO_PAIR,
            bootstrap.too_few(rows["original"].nunique()),
            severity=int(first["severity"]),
            level=str(first["degradation_level"]),
            degradation_type=str(first["degradation_type"]),
            **value_or_reason("avg_margin", _mean(rows["margin"]), "no finite margin"),
        )
        ladders.setdefault(str(first["ladder"]), []).append(step)
    return ladders


def type_severity_steps(judged: pd.DataFrame, bootstrap: Bootstrap) -> dict[str, list[TypeSeverityStep]]:
    """Return the accuracy at each severity of each type, over all ladders of the type."""
    types: dict[str, list[TypeSeverityStep]] = {}
    for rows, draws in _step_draws(judged, ["degradation_type", "severity"], bootstrap):
        step = TypeSeverityStep.from_draws(
            draws,
            len(rows),
            NO_PAIR,
            bootstrap.too_few(rows["original"].nunique()),
            severity=int(rows["severity"].iloc[0]),
            levels=sorted(set(rows["degradation_level"])),
        )
        types.setdefault(str(rows["degradation_type"].iloc[0]), []).append(step)
    return types


def level_accuracies(judged: pd.DataFrame) -> dict[str, dict[str, LevelAccuracy]]:
    """Return the accuracy at each level of each type."""
    levels: dict[str, dict[str, LevelAccuracy]] = {}
    for (kind, level), rows in judged.groupby(["degradation_type", "degradation_level"], sort=False):
        levels.setdefault(str(kind), {})[str(level)] = LevelAccuracy(accuracy=_mean(rows["correct"]), pairs=len(rows))
    return {kind: levels[kind] for kind in sorted(levels)}


def control_results(controls: pd.DataFrame) -> Controls:
    """Return the results on the two controls."""
    judged = controls[controls["status"] == "ok"]
    identical, reencoded = (judged[judged["degradation_level"] == level] for level in (IDENTITY, REENCODE))
    failed = controls[controls["status"] != "ok"]["degradation_level"].value_counts()
    ties = int(identical["prediction"].isna().sum())
    return Controls(
        identity=IdentityControl(
            pairs=len(identical),
            ties=ties,
            failed=int(failed.get(IDENTITY, 0)),
            all_tie=ties == len(identical) if len(identical) else None,
            all_tie_reason=None if len(identical) else NO_PAIR,
        ),
        reencode=ReencodeControl(
            **value_or_reason("accuracy", _mean(reencoded["correct"]), NO_PAIR),
            pairs=len(reencoded),
            failed=int(failed.get(REENCODE, 0)),
        ),
    )


def raw_calibration(judged: pd.DataFrame, bootstrap: Bootstrap) -> Calibration:
    """Return the reliability of the sigmoid of the margins, for models whose margins are log-odds."""
    return reliability(expit(judged["margin"].to_numpy(np.float64)), judged["original"], bootstrap, UNCALIBRATED)


def _pair_statistics(pairs: pd.DataFrame, draws: Array, bootstrap: Bootstrap) -> PairStatistics:
    """Return the statistics of a set of a model's pairs, of which ``draws`` are the accuracy."""
    judged = pairs[pairs["status"] == "ok"]
    ties = int(judged["prediction"].isna().sum())
    drop = _mean(judged["score_original"] - judged["score_degraded"])
    return PairStatistics.from_draws(
        draws,
        len(judged),
        NO_PAIR,
        bootstrap.too_few(judged["original"].nunique()),
        ties=ties,
        failed=len(pairs) - len(judged),
        **value_or_reason("avg_confidence", _mean(judged["confidence"]), NO_PAIR),
        **value_or_reason("avg_legacy_confidence", _mean(judged["legacy_confidence"]), "no legacy confidence"),
        **value_or_reason("avg_score_drop", drop, "the model has no score"),
        **value_or_reason("tie_rate", ties / len(judged) if len(judged) else None, NO_PAIR),
        **value_or_reason("order_consistency", _mean(judged["order_consistent"]), NO_PAIR),
    )


def _step_draws(judged: pd.DataFrame, by: list[str], bootstrap: Bootstrap) -> list[tuple[pd.DataFrame, Array]]:
    """Return the rows of each group with the draws of their accuracy."""
    groups = judged.groupby(by)
    codes, correct = groups.ngroup().to_numpy(), judged["correct"].to_numpy(np.float64)
    accuracy = bootstrap.column_means(judged["original"], codes, correct, groups.ngroups)
    return [(rows, accuracy[:, at]) for at, (_, rows) in enumerate(groups)]


def _mean(values: "pd.Series[Any]") -> float | None:
    """Return the mean of the finite values, None if there is none."""
    numbers = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    numbers = numbers[np.isfinite(numbers)]
    return float(numbers.mean()) if numbers.size else None
