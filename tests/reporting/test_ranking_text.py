"""What a ranking says in one line."""

import pandas as pd
import pytest

from iqbench.culling.margins import Resolution
from iqbench.culling.ranking import COLUMNS, Ranking
from iqbench.reporting.ranking_text import RankingWords

BEST_OF_3 = {"place": 1, "series_size": 3, "status": "ok"}
ALONE = {"place": 1, "series_size": 1, "status": "ok"}
OTHER = {"place": 2, "series_size": 3, "status": "ok"}


@pytest.mark.parametrize(
    ("rows", "finding"),
    [
        ([ALONE], "1 photo, none in a series."),
        ([ALONE, ALONE, {"status": "corrupt"}], "3 photos, none in a series. 1 cannot be ranked."),
        (
            [BEST_OF_3 | {"too_close": True}, OTHER, OTHER, ALONE],
            "4 photos: 1 series with 3 photos, 1 alone. The best of 0 series is clear; 1 is too close to call.",
        ),
        (
            [BEST_OF_3 | {"too_close": False}, OTHER, OTHER] * 2,
            "6 photos: 2 series with 6 photos, 0 alone. The best of 2 series is clear; 0 are too close to call.",
        ),
    ],
)
def test_the_finding_counts_series_and_photos(rows: list[dict[str, object]], finding: str) -> None:
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    ranking = Ranking("siamese", table, Resolution(1.0, 0.0, 8), True, True, "centre")
    assert RankingWords.of(ranking).finding == finding
