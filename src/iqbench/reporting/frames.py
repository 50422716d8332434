"""A run's summary as data frames, for notebooks."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from iqbench.reporting.degradation_types import type_order
from iqbench.results.summary import CorrectedDifference, ModelDifference, Summary
from iqbench.statistics.estimate import Estimate


def overall(summary: Summary) -> pd.DataFrame:
    """Return each model's places, accuracy and corrected score in %, with intervals, and means, the best first."""
    rows = []
    for ranked in summary.ranking:
        model = summary.models[ranked.model]
        low, high = model.overall.interval or (None, None)
        row: dict[str, Any] = {"model": ranked.model, "place": ranked.place, "last_place": ranked.last_place}
        row |= {"corrected_place": ranked.corrected_place, "corrected_last_place": ranked.corrected_last_place}
        corrected = model.against_baselines.corrected
        row |= {"accuracy": model.overall.value, "from": low, "to": high, "corrected": corrected.value}
        row |= dict(zip(("corrected_from", "corrected_to"), corrected.interval or (None, None), strict=True))
        row |= {"macro": model.macro.value, "photos": model.photos}
        rows.append(row | {group: accuracy.value for group, accuracy in model.groups.items()})
    table = pd.DataFrame(rows).set_index("model")
    shares = table.columns.drop(["place", "last_place", "corrected_place", "corrected_last_place", "photos"])
    return table.assign(**{name: _percent(table[name]) for name in shares})


def by_degradation(summary: Summary) -> pd.DataFrame:
    """Return the accuracy in % of models, and of baselines below them, on each degradation type."""
    types = type_order(summary)
    cells: dict[str, dict[str, Any]] = {name: {**model.by_degradation} for name, model in summary.models.items()}
    cells |= {f"baseline: {name}": {**baseline.by_degradation} for name, baseline in summary.baselines.items()}
    accuracy = [[row[kind].value if kind in row else None for kind in types] for row in cells.values()]
    return pd.DataFrame(accuracy, list(cells), types, dtype=float).mul(100).round(1)


def ranking(summary: Summary) -> pd.DataFrame:
    """Return the leaderboard: `overall`, and the accuracy in % on each type, the best model first.

    There is no row of a control or a baseline, so the mean of a column is one over models.
    """
    table = overall(summary)
    types = by_degradation(summary).rename(columns=lambda kind: f"{kind}_type" if kind in table else kind)
    return table.join(types)


def by_type(summary: Summary) -> pd.DataFrame:
    """Return each model's accuracy in % on each type, and its difference from the best baseline in points."""
    rows = []
    for ranked in summary.ranking:
        model = summary.models[ranked.model]
        for kind in type_order(summary):
            if kind in model.by_degradation:
                accuracy, gap = model.by_degradation[kind], model.against_baselines.by_degradation[kind]
                row: dict[str, Any] = {"model": ranked.model, "type": kind, **_with_interval("accuracy", accuracy)}
                row |= {"pairs": accuracy.n, "verdict": accuracy.verdict, "best_baseline": gap.baseline}
                rows.append(row | _with_interval("over_baseline", gap) | {"beaten": gap.beaten})
    return _in_percent(pd.DataFrame(rows).set_index(["model", "type"]), ("accuracy", "over_baseline"))


def by_level(summary: Summary) -> pd.DataFrame:
    """Return each model's accuracy in % and its mean margin at each level of each ladder, mild to severe."""
    rows = []
    for ranked in summary.ranking:
        for ladder, steps in summary.models[ranked.model].severity.items():
            for step in steps:
                row: dict[str, Any] = {"model": ranked.model, "type": step.degradation_type, "ladder": ladder}
                row |= {"severity": step.severity, "level": step.level, **_with_interval("accuracy", step)}
                rows.append(row | {"pairs": step.n, "margin": step.avg_margin})
    return _in_percent(pd.DataFrame(rows).set_index(["model", "ladder", "severity"]), ("accuracy",))


def comparisons(summary: Summary) -> pd.DataFrame:
    """Return the paired differences of every two models in points, with p-values, by accuracy and corrected score."""
    families: dict[str, Sequence[ModelDifference | CorrectedDifference]]
    families = {"accuracy": summary.pairwise, "corrected score": summary.corrected_pairwise}
    rows = [
        {"a": pair.a, "b": pair.b, "measure": measure, **_with_interval("difference", pair)}
        | {"p": pair.p, "p_corrected": pair.p_corrected, "better": pair.better, "verdict": pair.verdict}
        for measure, pairs in families.items()
        for pair in pairs
    ]
    ends = ["difference", "difference_from", "difference_to"]
    columns = ["a", "b", "measure", *ends, "p", "p_corrected", "better", "verdict"]
    return _in_percent(pd.DataFrame(rows, columns=columns), ("difference",))


def semantic_effects(summary: Summary) -> pd.DataFrame:
    """Return the effect of each damage beyond its controls in points, with the share that prefers the original to each.

    ``level`` is missing over all levels.
    """
    rows = [
        {"model": name, "type": effect.degradation_type, "level": effect.level, "control": effect.control}
        | {"over_damage": effect.over_damage.value, "over_control": effect.over_control.value}
        | {**_with_interval("effect", effect), "photos": effect.photos, "p_corrected": effect.p_corrected}
        for name, model in summary.models.items()
        for effect in model.semantic_effects
    ]
    ends = ["effect", "effect_from", "effect_to"]
    columns = ["model", "type", "level", "control", "over_damage", "over_control", *ends, "photos", "p_corrected"]
    table = _in_percent(pd.DataFrame(rows, columns=columns), ("effect",))
    return table.assign(**{name: _percent(table[name]) for name in ("over_damage", "over_control")})


def baselines(summary: Summary) -> pd.DataFrame:
    """Return the accuracy of the baselines in %: over all pairs with its interval, the mean over types, each type."""
    rows = {
        name: _with_interval("accuracy", baseline.overall)
        | {"macro": baseline.macro.value}
        | {kind: accuracy.value for kind, accuracy in baseline.by_degradation.items()}
        for name, baseline in summary.baselines.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").apply(_percent).rename_axis("baseline")


def _with_interval(name: str, estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval or (None, None)
    return {name: estimate.value, f"{name}_from": low, f"{name}_to": high}


def _in_percent(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Return the table with some values and their intervals in %."""
    columns = [f"{name}{end}" for name in names for end in ("", "_from", "_to")]
    return table.assign(**{column: _percent(table[column]) for column in columns})


def margins(summary: Summary) -> pd.DataFrame:
    """Return each model's mean margin at each level of each ladder; for a model with a score, the mean score drop."""
    rows = [
        {"ladder": ladder, "severity": step.severity, "level": step.level, "model": name, "margin": step.avg_margin}
        for name, model in summary.models.items()
        for ladder, steps in model.severity.items()
        for step in steps
    ]
    table = pd.DataFrame(rows, columns=["ladder", "severity", "level", "model", "margin"])
    return table.pivot(index=["ladder", "severity", "level"], columns="model", values="margin").astype(float)


def mistakes(summary: Summary) -> pd.DataFrame:
    """Return the share of wrong pairs in %, ties not counted, of each model on each degradation type."""
    shares = {
        name: {kind: 100 * of_type.wrong / of_type.pairs for kind, of_type in model.failures_by_type.items()}
        for name, model in summary.models.items()
    }
    return pd.DataFrame.from_dict(shares, orient="index").reindex(columns=type_order(summary)).round(1)


def worst(summary: Summary) -> pd.DataFrame:
    """Return the most confident mistakes, one per row, with the verdicts of the other models."""
    rows = [
        {"model": name, "type": kind} | mistake.model_dump(exclude={"sha256"})
        for name, model in summary.models.items()
        for kind, of_type in model.failures_by_type.items()
        for mistake in of_type.worst
    ]
    columns = ["model", "type", "photo", "level", "severity", "margin", "probability", "wrong_too", "right"]
    return pd.DataFrame(rows, columns=columns)


def agreement(summary: Summary) -> pd.DataFrame:
    """Return for every two models, in % of the pairs that both judged, how often they agree and which one is right."""
    rows = [
        {
            "models": f"{pair.a} and {pair.b}",
            "at least one right": pair.either_right.value,
            "averaged": pair.averaged.value,
            "both right": pair.both_right.value,
            "only the first": pair.only_a.value,
            "only the second": pair.only_b.value,
            "neither": pair.neither.value,
            "same verdict": pair.same.value,
        }
        for pair in summary.agreement
    ]
    table = pd.DataFrame(rows)
    return table.set_index("models").apply(_percent) if len(table) else table


def visibility(summary: Summary) -> pd.DataFrame:
    """Return the change that reaches each model's own input, and the accuracy where it is visible and where it is not.

    The mean change is in units of that input; the shares of pairs are in %.
    """
    rows = [
        {
            "model": name,
            "type": kind,
            "change at the input": of_type.input_change,
            "visible": of_type.visible,
            "right where visible": of_type.accuracy_where_visible.value,
            "right where not": of_type.accuracy_where_invisible.value,
        }
        for name, model in summary.models.items()
        for kind, of_type in model.visibility.items()
    ]
    table = pd.DataFrame(rows).set_index(["model", "type"])
    shares = ["visible", "right where visible", "right where not"]
    return table.assign(**{name: _percent(table[name]) for name in shares})


def _percent(shares: "pd.Series[Any]") -> "pd.Series[Any]":
    return shares.astype(float).mul(100).round(1)
