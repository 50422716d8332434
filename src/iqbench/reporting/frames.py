"""A run's summary as data frames, for notebooks."""

from typing import Any

import pandas as pd

from iqbench.reporting.degradation_types import type_order
from iqbench.results.summary import Summary


def overall(summary: Summary) -> pd.DataFrame:
    """Return each model's place, accuracy in % with its interval, and means over types and groups, the best first."""
    rows = []
    for ranked in summary.ranking:
        model = summary.models[ranked.model]
        low, high = model.overall.interval or (None, None)
        row: dict[str, Any] = {"model": ranked.model, "place": ranked.place, "last_place": ranked.last_place}
        row |= {"corrected_place": ranked.corrected_place, "corrected_last_place": ranked.corrected_last_place}
        row |= {"accuracy": model.overall.value, "corrected": model.against_baselines.corrected.value}
        row |= {"from": low, "to": high, "macro": model.macro.value}
        rows.append(row | {group: accuracy.value for group, accuracy in model.groups.items()})
    table = pd.DataFrame(rows).set_index("model")
    shares = table.columns.drop(["place", "last_place", "corrected_place", "corrected_last_place"])
    return table.assign(**{name: _percent(table[name]) for name in shares})


def by_degradation(summary: Summary) -> pd.DataFrame:
    """Return the accuracy in % of models, and of baselines below them, on each degradation type."""
    types = type_order(summary)
    cells: dict[str, dict[str, Any]] = {name: {**model.by_degradation} for name, model in summary.models.items()}
    cells |= {f"baseline: {name}": {**baseline.by_degradation} for name, baseline in summary.baselines.items()}
    accuracy = [[row[kind].value if kind in row else None for kind in types] for row in cells.values()]
    return pd.DataFrame(accuracy, list(cells), types, dtype=float).mul(100).round(1)


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
