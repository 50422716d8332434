"""The ranking: the best of each series, the order of preference over all photos, and stars."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from iqbench.culling.listing import ListedShot
from iqbench.culling.margins import Margins, Places, Resolution, Values
from iqbench.culling.store import Examined
from iqbench.errors import UsageError

COLUMNS = {
    "photo": "object",
    "path": "object",
    "also": "object",
    "series": "Int64",
    "series_size": "Int64",
    "place": "Int64",
    "position": "Int64",
    "score": "float64",
    "margin": "float64",
    "behind_best": "float64",
    "too_close": "boolean",
    "lead": "float64",
    "stars": "Int64",
    "sharpness": "float64",
    "subject_sharpness": "float64",
    "subject": "object",
    "taken": "object",
    "width": "Int64",
    "height": "Int64",
    "warnings": "object",
    "status": "object",
    "error": "object",
    "sidecar": "object",
}
"""Columns of a ranking with their types."""

TOO_CLOSE = "too close to call"

SHARPER = 1.5
"""How many times as sharp another photo's subject is, to be worth a warning."""


@dataclass(frozen=True)
class StarRules:
    """How ranks become stars. The fields are the settings ``stars.*`` of conf/rank.yaml.

    The best of each series, and each photo without a series, compete: the first get five stars, the next four, the
    others three. The other photos of a series get two stars where the best is too close to call, and one where it is
    clearly better. Where the margin is clearer still they are rejected (-1). Only a photo with a better one beside it
    is ever rejected.

    Args:
        five: Share of the best photos that get five stars.
        four: Share of them that get four.
        reject: How many times the margin that is too close to call a photo must lie behind the best, to be rejected;
            None for never.

    Raises:
        UsageError: If a value is out of range.
    """

    five: float
    four: float
    reject: float | None

    def __post_init__(self) -> None:
        if not (self.five >= 0 and self.four >= 0 and self.five + self.four <= 1):
            raise UsageError(f"stars: five={self.five} and four={self.four} must be shares from 0 to 1, together too")
        if self.reject is not None and not self.reject >= 1:
            raise UsageError(f"stars.reject={self.reject}: must be 1 or more times the margin, or null for never")

    def of_best(self, rank: int, count: int) -> int:
        """Return the stars of the best photo of a series.

        Example:
            >>> rules = StarRules(five=0.2, four=0.3, reject=None)
            >>> [rules.of_best(rank, 10) for rank in range(10)]
            [5, 5, 4, 4, 4, 3, 3, 3, 3, 3]
            >>> rules.of_best(0, 1)
            5
        """
        share = rank / count
        return 5 if share < self.five else 4 if share < self.five + self.four else 3

    def of_other(self, behind: float, limit: float) -> int:
        """Return the stars of another photo of a series.

        Args:
            behind: The margin of the best over it.
            limit: The margin below which two photos are too close to call.
        """
        if not behind > limit:
            return 2
        return -1 if self.reject is not None and behind > self.reject * limit else 1


def ranking_table(
    shots: Sequence[ListedShot],
    examined: Sequence[Examined],
    series: Sequence[int],
    margins: Margins,
    limits: Resolution,
    rules: StarRules,
    anchors: int,
) -> pd.DataFrame:
    """Return a row per photo with the columns `COLUMNS`: series by series, by the strength of their best photo.

    Photos without an answer come last, with the reason.

    Args:
        shots: The photos.
        examined: What is known of each.
        series: The number of the series of each.
        margins: The margins between the photos that have an encoding, in their order.
        limits: What the model can tell apart.
        rules: How ranks become stars.
        anchors: The number of photos that a model without scores compares each one with.
    """
    answered = np.array([each.encoding is not None for each in examined], dtype=bool)
    places = np.arange(int(answered.sum()))
    against = places[:: max(1, -(-len(places) // max(1, anchors)))]
    strengths = margins.strengths(places, against)
    position = np.empty(len(places), dtype=int)
    position[np.argsort(-strengths, kind="stable")] = np.arange(1, len(places) + 1)
    of_row = np.flatnonzero(answered).tolist()
    groups = pd.Series(places).groupby(np.asarray(series)[answered], sort=False)
    ordered = [_in_order(members.to_numpy(), margins, strengths) for _, members in groups]
    ordered.sort(key=lambda members: position[members[0]])
    rows: list[dict[str, object]] = []
    bests = np.array([members[0] for members in ordered], dtype=int)
    leads = [*margins.between(bests[:-1], bests[1:]), math.nan] if len(bests) else []
    for number, members in enumerate(ordered):
        margin = [*margins.between(members[:-1], members[1:]), math.nan]
        behind = margins.between(np.full(len(members), members[0]), members)
        known = [examined[of_row[member]] for member in members]
        for place, member in enumerate(members):
            is_best = place == 0
            stars = rules.of_best(number, len(ordered)) if is_best else rules.of_other(behind[place], limits.limit)
            is_close = None if len(members) == 1 else bool(_nearest(place, margin) <= limits.limit)
            row = _described(shots[of_row[member]], known[place])
            rows.append(
                row
                | {
                    "series": number + 1,
                    "series_size": len(members),
                    "place": place + 1,
                    "position": position[member],
                    "score": strengths[member],
                    "margin": margin[place],
                    "behind_best": behind[place],
                    "too_close": is_close,
                    "lead": leads[number] if is_best else math.nan,
                    "stars": stars,
                    "warnings": "; ".join(_warnings(place, known, is_close)),
                }
            )
    rows += [_described(shots[row], examined[row]) for row in np.flatnonzero(~answered).tolist()]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


@dataclass(frozen=True)
class Ranking:
    """A ranking of photos.

    Args:
        model: The name of the model.
        table: A row per photo with the columns `COLUMNS`.
        resolution: What the model can tell apart.
        are_log_odds: Whether its margins say how probable it is that a photo is better.
        has_scores: Whether the model scores photos; otherwise ``score`` is a mean margin.
        subject: What finds subjects: ``u2netp``, ``grabcut`` or ``centre``.
    """

    model: str
    table: pd.DataFrame
    resolution: Resolution
    are_log_odds: bool
    has_scores: bool
    subject: str

    @property
    def failures(self) -> dict[str, int]:
        """The number of photos without an answer, by status."""
        statuses = self.table["status"]
        return {str(status): int(count) for status, count in statuses[statuses != "ok"].value_counts().items()}

    @property
    def bests(self) -> pd.DataFrame:
        """The rows of the best photo of each series, in order of preference."""
        return self.table[self.table["place"] == 1]


def _in_order(members: Places, margins: Margins, strengths: Values) -> Places:
    """Return the photos of a series from best to worst: by score, or by the mean margin over the others."""
    is_known = margins.has_scores or len(members) < 2
    own = strengths[members] if is_known else margins.strengths(members, members)
    return np.asarray(members[np.argsort(-own, kind="stable")])


def _nearest(place: int, margin: Sequence[float]) -> float:
    """Return the margin between a photo and the next one, or for the last one between the one before and it."""
    return margin[place] if place < len(margin) - 1 else margin[place - 1]


def _described(shot: ListedShot, examined: Examined) -> dict[str, object]:
    return {
        "photo": shot.file.name,
        "path": str(shot.file.path),
        "also": ", ".join(path.name for path in shot.companions),
        "sharpness": examined.sharpness,
        "subject_sharpness": examined.subject_sharpness,
        "subject": examined.subject,
        "taken": _time(examined),
        "width": examined.width,
        "height": examined.height,
        "warnings": examined.notes,
        "status": examined.status,
        "error": examined.error,
        "sidecar": "",
    }


def _warnings(place: int, series: Sequence[Examined], is_close: bool | None) -> list[str]:
    warnings = []
    own = series[place].subject_sharpness or 0.0
    sharpest = max(each.subject_sharpness or 0.0 for each in series)
    if place == 0 and is_close:
        warnings.append(f"{TOO_CLOSE}: look at the next one too")
    if place == 0 and sharpest > SHARPER * own:
        times = f"{sharpest / own:.1f} times" if own else "many times"
        warnings.append(f"the subject of another photo of the series is {times} as sharp")
    if series[place].notes:
        warnings.append(series[place].notes)
    return warnings


def _time(examined: Examined) -> str:
    """Return when a photo was taken, by the camera's clock, "" if it does not tell."""
    if examined.taken is None:
        return ""
    moment = pd.Timestamp(0) + pd.Timedelta(seconds=round(examined.taken, 3))
    return moment.isoformat(sep=" ", timespec="milliseconds" if examined.taken % 1 else "seconds")
