"""What a ranking says, in words: the finding, and what its numbers mean."""

from dataclasses import dataclass
from typing import Self

from iqbench.culling.ranking import TOO_CLOSE, Ranking


@dataclass(frozen=True)
class RankingWords:
    """The finding of a ranking: the counts, and the series that somebody must look at."""

    title: str
    finding: str

    @classmethod
    def of(cls, ranking: Ranking) -> Self:
        """Return the finding."""
        table, bests = ranking.table, ranking.bests
        bursts = bests[bests["series_size"] > 1]
        close = int(bursts["too_close"].fillna(False).sum())
        photos = f"{len(table):,} photo{'s' if len(table) != 1 else ''}"
        alone, in_series = len(bests) - len(bursts), int(bursts["series_size"].sum())
        finding = f"{photos}: {len(bursts):,} series with {in_series:,} photos, {alone:,} alone. "
        if not len(bursts):
            finding = f"{photos}, none in a series. "
        else:
            sure = len(bursts) - close
            finding += f"The best of {sure:,} series is clear; {close:,} {'is' if close == 1 else 'are'} {TOO_CLOSE}. "
        if failed := sum(ranking.failures.values()):
            finding += f"{failed:,} cannot be ranked. "
        return cls(f"{ranking.model}: {photos}", finding.strip())


def notes(ranking: Ranking) -> list[str]:
    """Return the sentences that say what the numbers mean."""
    told = ranking.resolution
    lines = [
        f"Too close to call: a margin of at most {told.limit:.2g}. "
        + _noise(ranking)
        + (
            " The model's margins are log-odds, which are not calibrated."
            if ranking.are_log_odds
            else " Its margins are differences of scores, in its own units."
        )
    ]
    if not ranking.has_scores:
        lines.append("Score: the mean margin over a sample of all photos; in a series, over the others of the series.")
    found = {"u2netp": "U²-Net", "grabcut": "GrabCut", "centre": "nothing: the middle of the frame stands in"}
    lines.append(
        f"Sharpness of the subject: variance of the Laplacian where a subject is found by {found[ranking.subject]}. "
        "It changes no rank."
    )
    lines.append("Stars compare the photos of this run, not with other photos. Look before you delete.")
    return lines


def _noise(ranking: Ranking) -> str:
    told = ranking.resolution
    if not told.photos:
        return "The model's noise was not measured."
    return (
        f"Of {told.photos} photos against their own mirror images, which are as good, 95 % stay within "
        f"{told.noise:.2g}."
    )
