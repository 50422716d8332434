"""The tables of a fit: an ensemble beside its members, its weights, and the member that the router listens to."""

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.reporting.console import wide_console
from iqbench.reporting.text_format import UNKNOWN, bracketed_interval, one_line, percent, points
from iqbench.results.summary import ModelDifference
from iqbench.statistics.estimate import Accuracy


def print_stack(
    accuracies: Mapping[str, Accuracy],
    by_type: Mapping[str, Mapping[str, float]],
    differences: Mapping[str, ModelDifference],
    console: Console | None = None,
) -> None:
    """Print the accuracies on photos that the ensemble was not fitted on, and how it stands to its best member.

    Args:
        accuracies: The accuracy of each variant and member.
        by_type: The accuracy of each on each type.
        differences: The difference of each variant from the best member.
        console: Where to print.
    """
    console = console or wide_console(100)
    types = list(dict.fromkeys(kind for shares in by_type.values() for kind in shares))
    table = _table("fitted on other photos", ["all", *types])
    for name, accuracy in accuracies.items():
        interval = "" if accuracy.interval is None else "\n" + "–".join(map(percent, accuracy.interval))
        cells = [percent(by_type[name].get(kind)) for kind in types]
        table.add_row(Text(one_line(name)), Text(percent(accuracy.value)).append(interval, "dim"), *cells)
    console.print(table)
    for variant, gap in differences.items():
        numbers = UNKNOWN if gap.value is None else f"{points(gap.value)} points{bracketed_interval(gap)}"
        shown = "excludes" if gap.interval is not None and not gap.interval[0] <= 0 <= gap.interval[1] else "includes"
        line = f"{variant} against its best member {one_line(gap.b)}: {numbers}, which {shown} 0"
        console.print(line, soft_wrap=True)


def print_router(heard: Mapping[str, Mapping[str, float]], console: Console | None = None) -> None:
    """Print the share of pairs in which the router listens to each member.

    Args:
        heard: For each type the share of each member.
        console: Where to print.
    """
    console = console or wide_console(100)
    members = list(next(iter(heard.values())))
    table = _table("router listens to, in %", [one_line(member) for member in members])
    for kind, shares in heard.items():
        table.add_row(Text(one_line(kind)), *(percent(shares[member]) for member in members))
    console.print(table)


def _table(first: str, headings: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(first)
    for heading in headings:
        table.add_column(Text(heading.replace("_", "\n")), justify="right", vertical="top")
    return table
