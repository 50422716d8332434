"""The table of a plan: photos that a difference needs, and the difference that photos can show."""

from collections.abc import Sequence
from typing import NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.reporting.console import wide_console
from iqbench.reporting.text_format import UNKNOWN, one_line, percent


class PlanRow(NamedTuple):
    """The photos that the difference needs, and the least difference that the photos show; None if there is none."""

    part: str
    photos: int | None
    least: float | None


class Pilot(NamedTuple):
    """The size of a pilot run: models, photos, and clusters of photos."""

    models: int
    photos: int
    clusters: int

    @property
    def unit(self) -> str:
        """The noun for what a plan counts: photos, unless some of them are not independent."""
        return "photos" if self.clusters == self.photos else "clusters"


def print_plan(
    rows: Sequence[PlanRow], difference: float, number: int, pilot: Pilot, console: Console | None = None
) -> None:
    """Print the table, at least 80 columns wide in a file or a pipe.

    Args:
        rows: A row for all pairs, and one per type.
        difference: The difference to show, in percentage points.
        number: The number of photos, or clusters, whose least difference is told.
        pilot: The pilot run.
        console: Where to print.
    """
    console = console or wide_console(80)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("on")
    table.add_column(f"{pilot.unit} that show {difference:g} points", justify="right")
    table.add_column(f"least difference of {number:,} {pilot.unit}, points", justify="right")
    for row in rows:
        needed = "over 10,000,000" if row.photos is None else f"{row.photos:,}"
        table.add_row(Text(one_line(row.part)), needed, UNKNOWN if row.least is None else percent(row.least))
    console.print(table)
    pairs = pilot.models * (pilot.models - 1) // 2
    compared = f"corrected for {pairs} pairs of models" if pairs > 1 else "one pair of models"
    if pilot.models == 1:
        compared = "two models that vary as this one does, independently"
    console.print(
        f"80 % power, p below 5 %, {compared}. The spread is that of the pilot's {pilot.clusters:,} {pilot.unit}: "
        "a pilot of few photos is a rough guide.",
        soft_wrap=True,
    )
    if pilot.clusters != pilot.photos:
        console.print(
            f"The pilot's {pilot.photos:,} photos are {pilot.clusters:,} clusters: near-copies, or photos of a series, "
            "count as one, and so must those that are planned.",
            soft_wrap=True,
        )
