"""How models compare with a baseline, for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.benchmark.regression import Regression
from iqbench.reporting.wording import UNKNOWN, one_line, percent

STYLES = {"worse": "bold red", "better": "green"}


def print_regressions(changes: Sequence[Regression], console: Console | None = None) -> None:
    """Print a row per model and type; into a file or a pipe at least 100 columns wide."""
    if console is None:
        console = Console()
        if not console.is_terminal:
            console = Console(width=max(100, console.width))
    console.print(regression_table(changes))


def regression_table(changes: Sequence[Regression]) -> Table:
    """Return the table: accuracies in %, differences in points with 95 % intervals over photos, corrected p."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading, justify in (("model", "left"), ("on", "left"), ("before", "right"), ("now", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for heading in ("difference", "p", "verdict"):
        table.add_column(heading, justify="right")
    last = None
    for change in changes:
        if last not in (None, change.model):
            table.add_section()
        last = change.model
        p = UNKNOWN if change.p_holm is None else f"{change.p_holm:.2g}"
        verdict = Text(change.verdict, STYLES.get(change.verdict, ""))
        cells = [one_line(change.model), one_line(change.type), percent(change.before), percent(change.now)]
        table.add_row(*map(Text, cells), _difference(change), p, verdict)
    return table


def _difference(change: Regression) -> str:
    if change.value is None:
        return UNKNOWN
    points = f"{100 * change.value:+.1f}"
    if change.interval is None:
        return points
    low, high = change.interval
    return f"{points} [{100 * low:+.1f}, {100 * high:+.1f}]"
