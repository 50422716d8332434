"""The table of a ranking on the terminal."""

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from iqbench.culling.ranking import Ranking
from iqbench.reporting.console import wide_console
from iqbench.reporting.ranking_text import RankingWords, notes
from iqbench.reporting.text_format import UNKNOWN, one_line

SHOWN = 30
"""Rows that the terminal shows; ranking.csv has all."""


def print_ranking(ranking: Ranking, console: Console | None = None) -> None:
    """Print the finding and the best photo of each series; in a file or a pipe at least 110 columns wide."""
    console = console or wide_console(110)
    words = RankingWords.of(ranking)
    console.print(Text(f"{one_line(ranking.model)}: {words.finding}", "bold"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    for heading in ("", "best photo", "of", "stars", "score", "margin", "subject", "note"):
        table.add_column(heading, justify="left" if heading in ("best photo", "note") else "right", overflow="fold")
    for row in ranking.bests.head(SHOWN).to_dict("records"):
        table.add_row(
            str(row["series"]),
            Text(one_line(row["photo"])),
            str(row["series_size"]),
            stars(row["stars"]),
            f"{row['score']:.3f}",
            UNKNOWN if pd.isna(row["margin"]) else f"{row['margin']:+.3f}",
            UNKNOWN if pd.isna(row["subject_sharpness"]) else f"{row['subject_sharpness']:.2f}",
            Text(one_line(row["warnings"])),
        )
    console.print(table)
    if len(ranking.bests) > SHOWN:
        console.print(f"... and {len(ranking.bests) - SHOWN:,} more in ranking.csv and ranking.html", soft_wrap=True)
    console.print(
        "of: photos in the series; margin: of the best over the next in its series; subject: its sharpness. "
        + " ".join(notes(ranking)),
        soft_wrap=True,
    )
    failed = ranking.table[ranking.table["status"] != "ok"]
    for row in failed.head(SHOWN).to_dict("records"):
        console.print(Text(f"not ranked: {one_line(row['photo'])}: {row['status']}: {row['error']}"), soft_wrap=True)


def stars(rating: int) -> str:
    """Return a rating in words of stars.

    Example:
        >>> stars(3), stars(-1)
        ('3', 'reject')
    """
    return "reject" if rating < 0 else str(rating)
