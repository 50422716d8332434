"""How models compare with a baseline, for the terminal."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.reporting.wording import UNKNOWN, one_line, percent

STYLES = {"worse": "bold red", "better": "green"}


def print_regressions(found: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """Print a row per model and type; into a file or a pipe at least 100 columns wide."""
    if console is None:
        console = Console()
        if not console.is_terminal:
            console = Console(width=max(100, console.width))
    console.print(regression_table(found))


def regression_table(found: Sequence[dict[str, Any]]) -> Table:
    """Return the table: accuracies in %, differences in points with 95 % intervals over photos, corrected p."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading, justify in (("model", "left"), ("on", "left"), ("before", "right"), ("now", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for heading in ("difference", "p", "verdict"):
        table.add_column(heading, justify="right")
    last = None
    for one in found:
        if last not in (None, one["model"]):
            table.add_section()
        last = one["model"]
        p = UNKNOWN if one["p_holm"] is None else f"{one['p_holm']:.2g}"
        verdict = Text(one["verdict"], STYLES.get(one["verdict"], ""))
        cells = [one_line(one["model"]), one_line(one["type"]), percent(one["before"]), percent(one["now"])]
        table.add_row(*map(Text, cells), _difference(one), p, verdict)
    return table


def _difference(one: dict[str, Any]) -> str:
    said = f"{100 * one['difference']:+.1f}"
    if one["interval"] is None:
        return said
    return f"{said} [{100 * one['interval'][0]:+.1f}, {100 * one['interval'][1]:+.1f}]"
