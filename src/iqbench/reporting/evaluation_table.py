"""The table of an evaluation for the terminal: models, null models, and what may be concluded from them."""

from collections.abc import Callable
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.reporting.console import wide_console
from iqbench.reporting.table import unfinished
from iqbench.reporting.text_format import UNKNOWN, one_line, percent

Measure = dict[str, Any]


def print_agreement(summary: dict[str, Any], console: Console | None = None) -> None:
    """Print a table for each set; into a file or a pipe at least 120 columns wide."""
    console = console or wide_console(120)
    for found in summary["sets"]:
        console.print(agreement_table(found))
        for line in notes(found):
            console.print(Text(line), soft_wrap=True)
        console.print()
    if ending := unfinished(summary["complete"], summary.get("missing_shards", [])):
        console.print(Text(ending), soft_wrap=True)


def agreement_table(found: dict[str, Any]) -> Table:
    """Return the table of one set; dim rows below are the null models."""
    table = Table(
        title=Text(heading(found), "bold"), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1)
    )
    table.add_column("model", max_width=24, overflow="fold")
    columns = _pair_columns if found["kind"] == "pairs" else _vote_columns
    rows = [*found["models"].items(), *found["nulls"].items()]
    for name in columns(rows[0][1]):
        table.add_column(name, justify="right", vertical="top")
    for at, (name, row) in enumerate(rows):
        if at == len(found["models"]):
            table.add_section()
        dim = "dim" if at >= len(found["models"]) else ""
        table.add_row(Text(one_line(name)), *columns(row).values(), style=dim)
    return table


def heading(found: dict[str, Any]) -> str:
    """Return what was evaluated on, and how much of it there is.

    Example:
        >>> counts = {"pairs": 9, "series": 3, "photos": 9}
        >>> heading({"data": "PhotoTriage", "split": "val", "kind": "pairs", "models": {"a": {"counts": counts}}})
        'PhotoTriage val: 9 pairs of 9 photos in 3 series'
    """
    counts = next(iter(found["models"].values()))["counts"]
    what = f"{counts['photos']:,} photos with votes"
    if found["kind"] == "pairs":
        what = f"{counts['pairs']:,} pairs of {counts['photos']:,} photos in {counts['series']:,} series"
    return f"{one_line(found['data'])} {found['split']}: {what}"


def notes(found: dict[str, Any]) -> list[str]:
    """Return the lines under a table: how to read it, what it allows to say, and what forbids to say more."""
    lines = [_legend(found)]
    if yardstick := one_voter(found):
        share = percent(yardstick["value"])
        lines.append(f"one voter agrees with the majority in {share} % (the mean of max(p, 1 - p) over these pairs)")
    for name, model in found["models"].items():
        lines += [f"{one_line(name)}: {line}" for line in _conclusions(found["kind"], model)]
    for difference in found["differences"]:
        one, other = map(one_line, difference["models"])
        lines.append(f"{one} against {other}: {_size(difference)}; {one_line(difference['verdict'])}")
    return lines


def one_voter(found: dict[str, Any]) -> Measure | None:
    """Return how often one voter agrees with the majority; None where the labels do not tell how far people agree."""
    if found["kind"] != "pairs":
        return None
    measure: Measure = next(iter(found["models"].values()))["best_voter_agreement"]
    return measure if measure["value"] is not None and measure["value"] < 1 else None


def _pair_columns(row: dict[str, Any]) -> dict[str, Text | str]:
    by_agreement = {
        f"{100 * one['low']:.0f}–\n{100 * one['high']:.0f} %": percent(one["value"])
        for one in row["accuracy_by_agreement"]
    }
    return {
        "accuracy": _with_interval(row["accuracy"], percent),
        **by_agreement,
        "voters\nagree": percent(row["voter_agreement"]["value"]),
        "top 1": percent(row["top_1"]["value"]),
        "tau in\nseries": _decimal(row["kendall_in_series"]["value"]),
        "ties": percent(row["tie_rate"]["value"]),
        "failed": _failed(row),
    }


def _vote_columns(row: dict[str, Any]) -> dict[str, Text | str]:
    return {
        "SRCC": _with_interval(row["srcc"], _decimal, dash=" to "),
        "PLCC": _decimal(row["plcc"]["value"]),
        "KRCC": _decimal(row["krcc"]["value"]),
        "RMSE": _decimal(row["rmse"]["value"]),
        "EMD": _decimal(row["emd"]["value"]),
        "good\nor bad": percent(row["binary_accuracy"]["value"]),
        "accuracy\nin pairs": _with_interval(row["pairs_from_votes"]["accuracy"], percent),
        "failed": _failed(row),
    }


def _with_interval(measure: Measure, said: Callable[[float | None], str], dash: str = "–") -> Text:
    text = Text(said(measure["value"]))
    if measure["interval"] is not None:
        text.append("\n" + dash.join(map(said, measure["interval"])), "dim")
    return text


def _decimal(value: float | None) -> str:
    return UNKNOWN if value is None else f"{round(value, 3) + 0.0:.3f}"  # no -0.000


def _failed(row: dict[str, Any]) -> str:
    return str(sum(row["counts"]["failures"].values()))


def _legend(found: dict[str, Any]) -> str:
    how = next(iter(found["models"].values()))["bootstrap"]
    over = {"photo": "photos", "series": "series"}[how["unit"]]
    if found["kind"] == "pairs":
        return (
            "in % of pairs with a winner, a tie is worth half; columns 50–60 % and so on: pairs on which so many "
            f"people agree; 95 % intervals over {how['units']:,} {over}"
        )
    base = percent(next(iter(found["models"].values()))["binary_constant_accuracy"]["value"])
    return (
        f"good or bad: the mean vote is above 5, in % (the constant answer: {base}); accuracy in pairs made from the "
        f"votes, in %; 95 % intervals over {how['units']:,} {over}"
    )


def _conclusions(kind: str, model: dict[str, Any]) -> list[str]:
    """Return what may be concluded of a model, and what forbids it."""
    lines = []
    if (model["trained_on"] or {}).get("what"):
        lines.append(f"its training was {one_line(model['trained_on']['what'])}")
    if model.get("predicts") == "preference":
        lines.append("it has no score; predicted is the mean probability that a photo is better than some others")
    against = model["against_best_null"]
    if against["null"] is not None:
        lines.append(f"{against['verdict']} ({_size(against)})")
    if seen := model["photos_seen_in_training"]:
        lines.append(f"NOT HELD OUT: it was trained on {seen:,} of these photos")
    if failures := model["counts"]["failures"]:
        lines.append("no answer in " + ", ".join(f"{count:,} {status}" for status, count in failures.items()))
    pairs = model if kind == "pairs" else model["pairs_from_votes"]
    if pairs["order_consistency"] is not None and pairs["order_consistency"] < 1:
        lines.append(
            f"contradicts itself in {percent(1 - pairs['order_consistency'])} % of pairs when they are swapped"
        )
    return lines


def _size(difference: dict[str, Any]) -> str:
    """Return a difference with its interval and p.

    Example:
        >>> _size({"measure": "accuracy", "value": 0.05, "interval": [0.01, 0.09], "p": 0.02})
        '+5.0 points [+1.0, +9.0], p 0.02'
    """
    if difference["value"] is None:
        return f"no difference is known: {difference.get('reason', 'undefined')}"
    said = _points if difference["measure"] == "accuracy" else _plain
    unit = " points" if difference["measure"] == "accuracy" else " SRCC"
    if difference["interval"] is None:
        return f"{said(difference['value'])}{unit}, {difference['interval_reason']}"
    low, high = map(said, difference["interval"])
    p = difference.get("p_holm", difference["p"])
    shown = "unknown" if p is None else "< 0.001" if p < 0.001 else f"{p:.2g}"
    return f"{said(difference['value'])}{unit} [{low}, {high}], p {shown}"


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _plain(value: float) -> str:
    return f"{value:+.3f}"
