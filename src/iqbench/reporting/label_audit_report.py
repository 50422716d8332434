"""The label doctor's report: a table of what there is, a line for each finding, and a file for programs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.reporting.console import wide_console
from iqbench.reporting.exports import write_text
from iqbench.reporting.text_format import UNKNOWN, one_line, percent

STYLES = {"ok": "green", "note": "", "warning": "yellow", "refused": "bold red"}


def print_diagnosis(diagnosis: dict[str, Any], console: Console | None = None) -> None:
    """Print the report; a finding is one line, however long."""
    console = console or wide_console(120)
    console.print(census_table(diagnosis["splits"]))
    for finding in diagnosis["findings"]:
        line = Text.assemble((f"{finding['severity']:<8}", STYLES[finding["severity"]]), one_line(finding["text"]))
        console.print(line, soft_wrap=True)
    if not diagnosis["refused"]:
        console.print(Text(verdict(diagnosis)), soft_wrap=True)


def verdict(diagnosis: dict[str, Any]) -> str:
    """Return the last line: what is wrong, or that nothing is.

    Example:
        >>> verdict({"refused": [], "warnings": 0}), verdict({"refused": ["a", "b"], "warnings": 1})
        ('no fault found in the labels', 'refused: a (and 1 more)')
    """
    if refused := diagnosis["refused"]:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        return f"refused: {one_line(refused[0])}{more}"
    count = diagnosis["warnings"]
    warnings = f"; {count} warning{'s' * (count != 1)} above" if count else ""
    return f"no fault found in the labels{warnings}"


def census_table(splits: dict[str, dict[str, Any]]) -> Table:
    """Return what there is in each split, a column a split."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("")
    for split in splits:
        table.add_column(split, justify="right")
    kind = next(iter(splits.values()))["kind"]
    for heading, cells in (_pair_rows if kind == "pairs" else _vote_rows)(list(splits.values())):
        table.add_row(heading, *cells)
    return table


def write_diagnosis(diagnosis: dict[str, Any], folder: Path) -> None:
    """Write ``doctor.json``, whole or not at all."""
    write_text(folder / "doctor.json", json.dumps(diagnosis, indent=2, allow_nan=False) + "\n")


Rows = list[tuple[str, list[str]]]


def _pair_rows(splits: Sequence[dict[str, Any]]) -> Rows:
    agreed = [
        (
            f"people agree, at least {100 * float(share):.0f} %",
            [f"{one['agreement_at_least'][share]:,}" for one in splits],
        )
        for share in splits[0]["agreement_at_least"]
    ]
    return [
        _counts("pairs", "labels", splits),
        _counts("photos", "photos", splits),
        _counts("series", "series", splits),
        *_lost(splits),
        _counts("first is better", "first_better", splits),
        _counts("second is better", "second_better", splits),
        _counts("no winner", "no_winner", splits),
        ("a constant answer is right, %", [percent(one["constant_accuracy"]) for one in splits]),
        *agreed,
        *_sharpness(splits),
    ]


def _vote_rows(splits: Sequence[dict[str, Any]]) -> Rows:
    votes = [one["votes_per_photo"] for one in splits]
    return [
        _counts("photos with votes", "labels", splits),
        *_lost(splits),
        (
            "votes a photo",
            [f"{one['mean']:.0f} ({one['least']} to {one['most']})" if one else UNKNOWN for one in votes],
        ),
        ("mean vote", [_number(one["mean"]) for one in splits]),
        ("standard deviation", [_number(one["sd"]) for one in splits]),
        ("good (mean above 5), %", [percent(one["good"]) for one in splits]),
        ("good or bad: a constant answer is right, %", [percent(one["constant_accuracy"]) for one in splits]),
        *_sharpness(splits),
    ]


def _counts(heading: str, key: str, splits: Sequence[dict[str, Any]]) -> tuple[str, list[str]]:
    return heading, [f"{one[key]:,}" for one in splits]


def _lost(splits: Sequence[dict[str, Any]]) -> Rows:
    codes = [", ".join(f"{count:,} {code}" for code, count in one["unusable_photos"].items()) or "0" for one in splits]
    return [("photos that cannot be used", codes), _counts("labels lost with them", "labels_lost", splits)]


def _sharpness(splits: Sequence[dict[str, Any]]) -> Rows:
    measured = [one["sharpness"] for one in splits]
    if all(one is None for one in measured):
        return []
    pairs = splits[0]["kind"] == "pairs"
    shown = percent if pairs else _number
    values = [UNKNOWN if one is None else shown(one["value"]) for one in measured]
    return [("sharpness alone is right, %" if pairs else "sharpness alone, SRCC", values)]


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"
