"""A run's summary as tables, for notebooks: what the report says, to go on calculating with."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from iqbench.errors import UsageError
from iqbench.reporting.table import type_order


def read_summary(folder: Path) -> dict[str, Any]:
    """Return the summary of a run or of a sweep.

    Raises:
        UsageError: If there is none.
    """
    path = folder / "summary.json"
    if not path.is_file():
        raise UsageError(f"{path}: not there; name a run's folder or a sweep's root, or run iqbench.report on it")
    summary: dict[str, Any] = json.loads(path.read_text())
    return summary


def overall(summary: dict[str, Any]) -> pd.DataFrame:
    """Return each model's place, accuracy in % with its interval, and means over types and groups, the best first."""
    rows = []
    for one in summary["ranking"]:
        model = summary["models"][one["model"]]
        low, high = model["overall"]["interval"] or (None, None)
        row = {"model": one["model"], "place": one["place"], "accuracy": model["overall"]["accuracy"]}
        row |= {"from": low, "to": high, "macro": model["macro"]["accuracy"]}
        rows.append(row | {group: estimate["accuracy"] for group, estimate in model["groups"].items()})
    table = pd.DataFrame(rows).set_index("model")
    shares = table.columns.drop("place")
    return table.assign(**{name: _percent(table[name]) for name in shares})


def by_degradation(summary: dict[str, Any]) -> pd.DataFrame:
    """Return the accuracy in % of models, and of null models below them, on each kind of damage."""
    types = type_order(summary)
    rows = {name: model["by_degradation"] for name, model in summary["models"].items()}
    rows |= {f"null: {name}": null["by_degradation"] for name, null in summary["nulls"].items()}
    accuracy = [[row.get(kind, {}).get("accuracy") for kind in types] for row in rows.values()]
    return pd.DataFrame(accuracy, list(rows), types, dtype=float).mul(100).round(1)


def margins(summary: dict[str, Any]) -> pd.DataFrame:
    """Return each model's mean margin at each step of each ladder: of a model with a score, how far the score drops."""
    rows = [
        {"ladder": ladder, "severity": step["severity"], "level": step["level"], "model": name}
        | {"margin": step["avg_margin"]}
        for name, model in summary["models"].items()
        for ladder, steps in model["severity"].items()
        for step in steps
    ]
    table = pd.DataFrame(rows, columns=["ladder", "severity", "level", "model", "margin"])
    return table.pivot(index=["ladder", "severity", "level"], columns="model", values="margin").astype(float)


def mistakes(summary: dict[str, Any]) -> pd.DataFrame:
    """Return the share of pairs in % that each model got wrong, ties apart, on each kind of damage."""
    shares = {
        name: {kind: 100 * one["wrong"] / one["pairs"] for kind, one in model["failures_by_type"].items()}
        for name, model in summary["models"].items()
    }
    return pd.DataFrame.from_dict(shares, orient="index").reindex(columns=type_order(summary)).round(1)


def worst(summary: dict[str, Any]) -> pd.DataFrame:
    """Return the most confident mistakes, a row each: where, how sure, and who else was wrong or right."""
    rows = [
        {"model": name, "type": kind} | {key: value for key, value in one.items() if key != "sha256"}
        for name, model in summary["models"].items()
        for kind, found in model["failures_by_type"].items()
        for one in found["worst"]
    ]
    columns = ["model", "type", "photo", "level", "severity", "margin", "probability", "wrong_too", "right"]
    return pd.DataFrame(rows, columns=columns)


def agreement(summary: dict[str, Any]) -> pd.DataFrame:
    """Return for every two models, in % of the pairs that both judged, how often they agree and who is right."""
    rows = []
    for one in summary["agreement"]:
        row = {"models": f"{one['a']} and {one['b']}", "at least one right": one["either_right"]["share"]}
        row |= {"averaged": one["averaged"]["share"], "both right": one["both_right"], "only the first": one["only_a"]}
        rows.append(row | {"only the second": one["only_b"], "neither": one["neither"], "same verdict": one["same"]})
    table = pd.DataFrame(rows)
    return table.set_index("models").apply(_percent) if len(table) else table


def visibility(summary: dict[str, Any]) -> pd.DataFrame:
    """Return what reached each model's own input, and its accuracy where the damage did and where it did not.

    The mean change is in units of that input; the shares of pairs are in %.
    """
    rows = [
        {"model": name, "type": kind, "change at the input": one["input_change"], "visible": one["visible"]}
        | {"right where visible": one["accuracy_where_visible"]["accuracy"]}
        | {"right where not": one["accuracy_where_invisible"]["accuracy"]}
        for name, model in summary["models"].items()
        for kind, one in model["visibility"].items()
    ]
    table = pd.DataFrame(rows).set_index(["model", "type"])
    shares = ["visible", "right where visible", "right where not"]
    return table.assign(**{name: _percent(table[name]) for name in shares})


def _percent(shares: "pd.Series[Any]") -> "pd.Series[Any]":
    return shares.astype(float).mul(100).round(1)
