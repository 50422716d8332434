"""The table of a comparison with a reference run, for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.reporting.console import wide_console
from iqbench.reporting.text_format import UNKNOWN, one_line, percent, points

STYLES = {"worse": "bold red", "better": "green"}

Row = dict[str, Any]
"""A model's comparison on a type, from `iqbench.benchmark.regression.regressions`."""


def print_regressions(rows: Sequence[Row], console: Console | None = None) -> None:
    """Print one row per model and type, at least 100 columns wide in a file or a pipe."""
    console = console or wide_console(100)
    console.print(regression_table(rows))


def regression_table(rows: Sequence[Row]) -> Table:
    """Return the table: accuracies in %, differences in points with 95 % intervals over photos, corrected p."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in ("model", "on"):
        table.add_column(heading)
    for heading in ("before", "now", "difference", "p", "verdict"):
        table.add_column(heading, justify="right")
    last_model = None
    for row in rows:
        if last_model not in (None, row["model"]):
            table.add_section()
        last_model = row["model"]
        p = UNKNOWN if row["p_holm"] is None else f"{row['p_holm']:.2g}"
        verdict = Text(row["verdict"], STYLES.get(row["verdict"], ""))
        cells = [one_line(row["model"]), one_line(row["type"]), percent(row["before"]), percent(row["now"])]
        table.add_row(*map(Text, cells), _difference(row), p, verdict)
    return table


def _difference(row: Row) -> str:
    if row["interval"] is None:
        return points(row["difference"])
    low, high = map(points, row["interval"])
    return f"{points(row['difference'])} [{low}, {high}]"
