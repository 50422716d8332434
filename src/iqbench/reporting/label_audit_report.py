"""The report of a label audit: a table of counts, a line per finding, and doctor.json."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.io import write_text
from iqbench.records import record_json
from iqbench.reporting.console import wide_console
from iqbench.reporting.text_format import UNKNOWN, one_line, percent
from iqbench.results.label_audit_summary import (
    FILE_NAME,
    LabelAudit,
    PairStatistics,
    ScoreStatistics,
    SharpnessAgreement,
    SplitStatistics,
    VoteStatistics,
)

STYLES = {"ok": "green", "note": "", "warning": "yellow", "refused": "bold red"}

TableRows = list[tuple[str, list[str]]]
"""Headings, each with a cell per split."""


def print_audit(audit: LabelAudit, console: Console | None = None) -> None:
    """Print the report. A finding is one line, however long."""
    console = console or wide_console(120)
    console.print(statistics_table(audit.splits))
    for finding in audit.findings:
        line = Text.assemble((f"{finding.severity:<8}", STYLES[finding.severity]), one_line(finding.text))
        console.print(line, soft_wrap=True)
    if not audit.refused:
        console.print(Text(conclusion(audit)), soft_wrap=True)


def conclusion(audit: LabelAudit) -> str:
    """Return the last line: the first reason for a refusal, or that no fault was found."""
    if refused := audit.refused:
        more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
        return f"refused: {one_line(refused[0])}{more}"
    warnings = f"; {audit.warnings} warning{'s' * (audit.warnings != 1)} above" if audit.warnings else ""
    return f"no fault found in the labels{warnings}"


def statistics_table(splits: Mapping[str, PairStatistics | VoteStatistics | ScoreStatistics]) -> Table:
    """Return the counts of each split, a column per split."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("")
    for split in splits:
        table.add_column(split, justify="right")
    pairs = [split for split in splits.values() if isinstance(split, PairStatistics)]
    votes = [split for split in splits.values() if isinstance(split, VoteStatistics)]
    scores = [split for split in splits.values() if isinstance(split, ScoreStatistics)]
    for heading, cells in _pair_rows(pairs) if pairs else _vote_rows(votes) if votes else _score_rows(scores):
        table.add_row(heading, *cells)
    return table


def write_audit(audit: LabelAudit, folder: Path) -> None:
    """Write ``doctor.json``, whole or not at all."""
    write_text(folder / FILE_NAME, record_json(audit))


def _pair_rows(splits: Sequence[PairStatistics]) -> TableRows:
    agreement = [
        (
            f"people agree, at least {100 * float(share):.0f} %",
            [f"{split.agreement_at_least[share]:,}" for split in splits],
        )
        for share in splits[0].agreement_at_least
    ]
    return [
        ("pairs", [f"{split.labels:,}" for split in splits]),
        ("photos", [f"{split.photos:,}" for split in splits]),
        ("series", [f"{split.series:,}" for split in splits]),
        *_lost(splits),
        ("first is better", [f"{split.first_better:,}" for split in splits]),
        ("second is better", [f"{split.second_better:,}" for split in splits]),
        ("no winner", [f"{split.no_winner:,}" for split in splits]),
        ("a constant answer is right, %", [percent(split.constant_accuracy) for split in splits]),
        *agreement,
        *_sharpness(splits, "sharpness alone is right, %", percent),
    ]


def _vote_rows(splits: Sequence[VoteStatistics]) -> TableRows:
    votes = [split.votes_per_photo for split in splits]
    return [
        ("photos with votes", [f"{split.labels:,}" for split in splits]),
        *_lost(splits),
        (
            "votes per photo",
            [f"{counts.mean:.0f} ({counts.least} to {counts.most})" if counts else UNKNOWN for counts in votes],
        ),
        ("mean vote", [_number(split.mean) for split in splits]),
        ("standard deviation", [_number(split.sd) for split in splits]),
        ("good (mean above 5), %", [percent(split.good) for split in splits]),
        ("good or bad: a constant answer is right, %", [percent(split.constant_accuracy) for split in splits]),
        *_sharpness(splits, "sharpness alone, SRCC", _number),
    ]


def _score_rows(splits: Sequence[ScoreStatistics]) -> TableRows:
    return [
        ("photos with mean opinions", [f"{split.labels:,}" for split in splits]),
        ("references", [f"{split.references:,}" for split in splits]),
        *_lost(splits),
        ("mean", [_number(split.mean) for split in splits]),
        ("standard deviation between photos", [_number(split.sd) for split in splits]),
        ("lowest", [_number(split.lowest) for split in splits]),
        ("highest", [_number(split.highest) for split in splits]),
        *_sharpness(splits, "sharpness alone, SRCC", _number),
    ]


def _lost(splits: Sequence[SplitStatistics]) -> TableRows:
    codes = [", ".join(f"{count:,} {code}" for code, count in split.unusable_photos.items()) or "0" for split in splits]
    return [
        ("photos that cannot be used", codes),
        ("labels lost with them", [f"{split.labels_lost:,}" for split in splits]),
    ]


def _sharpness(splits: Sequence[SplitStatistics], heading: str, shown: Callable[[float | None], str]) -> TableRows:
    measured: list[SharpnessAgreement | None] = [split.sharpness for split in splits]
    if all(agreement is None for agreement in measured):
        return []
    return [(heading, [UNKNOWN if agreement is None else shown(agreement.value) for agreement in measured])]


def _number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"
