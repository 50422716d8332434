"""The files of a ranking: ranking.csv, and ranking.html, a contact sheet that opens offline."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from iqbench.culling.ranking import Ranking
from iqbench.io import atomic_batch
from iqbench.reporting.exports import write_csv
from iqbench.reporting.html_templates import TEMPLATES, render
from iqbench.reporting.ranking_text import RankingWords, notes

TABLE, PAGE = "ranking.csv", "ranking.html"


@dataclass(frozen=True)
class Series:
    """The photos of a series, the best first; each is a row of the table."""

    number: int
    lead: float | None
    is_lead_close: bool
    photos: list[dict[str, Any]]


def export(folder: Path, ranking: Ranking, thumbnails: Mapping[str, bytes]) -> None:
    """Write the table and the contact sheet into a folder.

    Args:
        folder: The folder.
        ranking: The ranking.
        thumbnails: A JPEG of each photo, by name; empty for a photo that could not be read.
    """
    with atomic_batch(folder) as place:
        write_csv(place / TABLE, ranking.table)
        page = ranking_page(ranking, thumbnails)
        (place / PAGE).write_text(page, encoding="utf-8", newline="", errors="backslashreplace")


def ranking_page(ranking: Ranking, thumbnails: Mapping[str, bytes]) -> str:
    """Return the contact sheet as an HTML page. It runs no script and loads nothing; a click opens the photo itself.

    Args:
        ranking: The ranking.
        thumbnails: A JPEG of each photo, by name.
    """
    answered = ranking.table[ranking.table["status"] == "ok"]
    failed = ranking.table[ranking.table["status"] != "ok"]
    limit = ranking.resolution.limit
    series = [
        Series(int(str(number)), lead, lead is not None and lead <= limit, _photos(rows, thumbnails))
        for number, rows in answered.groupby("series", sort=True)
        for lead in [_value(rows["lead"].iloc[0])]
    ]
    words = RankingWords.of(ranking)
    return render(
        "ranking.html.j2",
        words=words,
        notes=notes(ranking),
        series=series,
        failed=_rows(failed),
        limit=limit,
        style=Markup((TEMPLATES / "ranking.css").read_text(encoding="utf-8")),
    )


def _photos(rows: pd.DataFrame, thumbnails: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [row | {"thumbnail": thumbnails.get(row["photo"], b""), "link": _link(row["path"])} for row in _rows(rows)]


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): _value(value) for key, value in row.items()} for row in table.to_dict("records")]


def _value(value: Any) -> Any:
    return None if value is None or value is pd.NA or value != value else value


def _link(path: str) -> str:
    """Return the address of a photo on this machine."""
    return Path(path).as_uri()
