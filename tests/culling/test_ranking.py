"""The order within series and over all, margins, what is too close to call, and stars."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from iqbench.culling.listing import ListedShot
from iqbench.culling.margins import Margins, Resolution, resolution
from iqbench.culling.ranking import COLUMNS, StarRules, ranking_table
from iqbench.culling.store import Examined
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoFile, Scorer

RULES = StarRules(five=0.2, four=0.3, reject=3)
CPU = torch.device("cpu")


class Scores(Scorer):
    """A scorer in units of its own."""

    def prepare(self, photo: object) -> Tensor:
        raise NotImplementedError

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs


class Circle:
    """Three photos of which each beats the next, and the last the first; a fourth loses to all."""

    WINS = torch.tensor([[0.0, 2, -1, 5], [-2, 0, 2, 5], [1, -2, 0, 5], [-5, -5, -5, 0]])

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        return self.WINS[first[:, 0].long(), second[:, 0].long()]


def table(
    scores: list[float | None], series: list[int], limit: float = 1.0, model: object = None, **facts: list[float]
) -> pd.DataFrame:
    shots = [ListedShot(PhotoFile(f"./{at}.jpg", Path(f"/photos/{at}.jpg"))) for at in range(len(scores))]
    examined = [
        Examined(status="corrupt", error="damaged")
        if score is None
        else Examined(encoding=torch.tensor([score]), **{key: values[at] for key, values in facts.items()})  # type: ignore[arg-type]
        for at, score in enumerate(scores)
    ]
    known = torch.tensor([[score] for score in scores if score is not None]).reshape(-1, 1)
    margins = Margins(model or Scores(), known, CPU)  # type: ignore[arg-type]
    return ranking_table(shots, examined, series, margins, Resolution(limit, 0.0, 8), RULES, 64)


def test_series_stand_by_their_best_and_photos_by_their_scores() -> None:
    ranked = table([1.0, 9.0, 5.0, 3.0, 7.0], [0, 1, 0, 2, 1])
    assert ranked["photo"].tolist() == ["./1.jpg", "./4.jpg", "./2.jpg", "./0.jpg", "./3.jpg"]
    assert ranked["series"].tolist() == [1, 1, 2, 2, 3]
    assert ranked["place"].tolist() == [1, 2, 1, 2, 1]
    assert ranked["position"].tolist() == [1, 2, 3, 5, 4]
    assert ranked["series_size"].tolist() == [2, 2, 2, 2, 1]
    assert np.array_equal(ranked["margin"].to_numpy(), [2, math.nan, 4, math.nan, math.nan], equal_nan=True)
    assert np.array_equal(ranked["lead"].to_numpy(), [4, math.nan, 2, math.nan, math.nan], equal_nan=True)
    assert ranked["behind_best"].tolist() == [0, 2, 0, 4, 0]
    assert list(ranked.columns) == list(COLUMNS)


def test_too_close_is_a_margin_within_the_limit_and_no_single_photo_is() -> None:
    ranked = table([5.0, 4.0, 5.0, 3.9, 1.0], [0, 0, 1, 1, 2], limit=1.0).set_index("photo")
    assert ranked["too_close"].tolist() == [True, True, False, False, pd.NA]
    assert ranked.loc["./0.jpg", "warnings"] == "too close to call: look at the next one too"
    assert ranked.loc["./2.jpg", "warnings"] == ""


def test_the_best_get_stars_by_their_share_and_the_others_by_how_far_they_are_behind() -> None:
    ranked = table([10.0, 9.5, 8.0, 6.0, 4.0, 3.0, 2.0, 1.0], [0, 0, 0, 0, 1, 2, 3, 4], limit=1.0)
    assert ranked["stars"].tolist() == [5, 2, 1, -1, 4, 4, 3, 3]
    never = StarRules(five=0, four=0, reject=None)
    assert [never.of_best(0, 4), never.of_other(1e9, 1.0), never.of_other(1.0, 1.0)] == [3, 1, 2]


def test_no_photo_without_a_better_one_beside_it_is_rejected() -> None:
    draw = np.random.default_rng(0)
    for _ in range(30):
        series = draw.integers(0, 6, 20).tolist()
        ranked = table(draw.normal(0, 9, 20).tolist(), series)
        assert (ranked.loc[ranked["place"] == 1, "stars"] >= 3).all()
        others = ranked[ranked["place"] > 1]
        assert (others["stars"] <= 2).all()
        assert (others["behind_best"] >= 0).all()
        assert (others.loc[others["stars"] == -1, "behind_best"] > 3).all()
        assert sorted(ranked["position"]) == list(range(1, 21))


def test_a_model_of_pairs_is_ordered_by_mean_margins_even_in_a_circle() -> None:
    ranked = table([0.0, 1.0, 2.0, 3.0], [0, 0, 0, 0], model=Circle())
    assert ranked["photo"].tolist() == ["./0.jpg", "./1.jpg", "./2.jpg", "./3.jpg"]
    assert ranked["score"].tolist() == pytest.approx([2, 5 / 3, 4 / 3, -5])
    assert ranked["behind_best"].tolist() == [0, 2, -1, 5]
    assert ranked["stars"].tolist() == [5, 1, 2, -1]


def test_a_photo_that_cannot_be_read_is_listed_with_its_reason_and_counts_nowhere() -> None:
    ranked = table([1.0, None, 2.0], [0, 0, 0])
    assert ranked["photo"].tolist() == ["./2.jpg", "./0.jpg", "./1.jpg"]
    assert ranked["series_size"].tolist() == [2, 2, pd.NA]
    assert ranked.iloc[2][["status", "error"]].tolist() == ["corrupt", "damaged"]
    assert pd.isna(ranked.iloc[2]["stars"])
    assert len(table([None, None], [0, 1])) == 2


def test_a_sharper_subject_elsewhere_in_the_series_is_told() -> None:
    ranked = table([3.0, 1.0], [0, 0], limit=0.1, subject_sharpness=[1.0, 1.6])
    assert ranked["warnings"].tolist() == ["the subject of another photo of the series is 1.6 times as sharp", ""]
    ranked = table([3.0, 1.0], [0, 0], limit=0.1, subject_sharpness=[1.0, 1.4])
    assert ranked["warnings"].tolist() == ["", ""]


def test_what_cannot_be_told_apart_is_the_noise_against_mirror_images_or_the_models_own_doubt() -> None:
    margins = Margins(Scores(), torch.zeros(0, 1), CPU)
    mirrored = [(torch.tensor([0.0]), torch.tensor([noise / 10])) for noise in range(20)]
    measured = resolution(margins, mirrored, 0.75)
    assert (measured.noise, measured.log_odds, measured.photos) == (pytest.approx(1.9), 0.0, 20)
    pairs = resolution(Margins(Circle(), torch.zeros(0, 1), CPU), [], 0.75)  # type: ignore[arg-type]
    assert pairs.limit == pytest.approx(math.log(3))


@pytest.mark.parametrize("values", [{"five": 0.8, "four": 0.3}, {"five": -0.1}, {"reject": 0.5}])
def test_a_share_out_of_range_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"^stars"):
        StarRules(**{"five": 0.2, "four": 0.3, "reject": None, **values})  # type: ignore[arg-type]
