"""The table of a comparison with a reference run, for the terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.benchmark.regression import ALL, Regression
from iqbench.reporting.console import wide_console
from iqbench.reporting.text_format import UNKNOWN, one_line, percent, points

STYLES = {"worse": "bold red", "better": "green"}


def print_regressions(changes: Sequence[Regression], notes: Sequence[str], console: Console | None = None) -> None:
    """Print one row per model and type, at least 100 columns wide in a file or a pipe, and lines under the table."""
    console = console or wide_console(100)
    console.print(regression_table(changes))
    for line in (power_line(changes), *notes):
        console.print(Text(line), soft_wrap=True)


def sample_size(changes: Sequence[Regression]) -> str:
    """Return the number of photos of the comparison with the fewest clusters, and that of the clusters if it differs.

    Example:
        >>> fields = {"value": 0.0, "model": "m", "type": "all", "now": 1.0, "before": 1.0, "least_fall": None}
        >>> change = Regression(**fields, photos=48, clusters=8)
        >>> sample_size([change]), sample_size([change.model_copy(update={"clusters": 48})])
        ('48 photos in 8 clusters', '48 photos')
    """
    fewest = min(changes, key=lambda change: (change.clusters, change.photos))
    clusters = "" if fewest.clusters == fewest.photos else f" in {fewest.clusters:,} clusters"
    return f"{fewest.photos:,} photos{clusters}"


def power_line(changes: Sequence[Regression]) -> str:
    """Return what falls these photos can show, over all pairs and on the types."""
    photos = sample_size(changes)
    falls = {
        name: [change.least_fall for change in changes if (change.type == ALL) == overall]
        for name, overall in (("over all pairs", True), ("on a type", False))
    }
    parts = [
        f"{name} {points(max(fall for fall in values if fall is not None)).lstrip('+')} points"
        for name, values in falls.items()
        if values and None not in values
    ]
    if not parts:
        return f"{photos} cannot show a fall, however large"
    return f"{photos} show falls of at least this size in 80 % of cases: {', '.join(parts)}"


def regression_table(changes: Sequence[Regression]) -> Table:
    """Return the table: accuracies in %, differences in points with 95 % intervals over photos, corrected p."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in ("model", "on"):
        table.add_column(heading)
    for heading in ("before", "now", "difference", "p", "verdict"):
        table.add_column(heading, justify="right")
    last_model = None
    for change in changes:
        if last_model not in (None, change.model):
            table.add_section()
        last_model = change.model
        p = UNKNOWN if change.p_corrected is None else f"{change.p_corrected:.2g}"
        verdict = Text(change.verdict, STYLES.get(change.verdict, ""))
        cells = [one_line(change.model), one_line(change.type), percent(change.before), percent(change.now)]
        table.add_row(*map(Text, cells), _difference(change), p, verdict)
    return table


def _difference(change: Regression) -> str:
    if change.interval is None:
        return points(change.value)
    low, high = map(points, change.interval)
    return f"{points(change.value)} [{low}, {high}]"
