from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from lightning import LightningModule
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fixtures.tiny_models import ava, pairs, siamese, votes
from fixtures.training_runs import FixedExamples, logged, pair_examples, train, vote_examples
from iqbench.callbacks.holdout import GAP, Holdout, text_strip, with_deviation
from iqbench.interfaces import Pairs, Votes


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard" / "version_0"), {"images": 0, "tensors": 0}).Reload()


def text(folder: Path) -> list[str]:
    result = events(folder).Tensors("hold_out/worst/text_summary")
    return [event.tensor_proto.string_val[0].decode() for event in result]


def with_answers(model: LightningModule, *rows: tuple[float, float, float]) -> LightningModule:
    """Replace the model's predictions by these rows: index, predicted, true."""
    model.on_validation_epoch_end = lambda: setattr(  # type: ignore[method-assign]
        model, "answers", torch.tensor([[*row, 0.0] for row in rows], dtype=torch.float64)
    )
    return model


def test_margins_have_the_sign_of_peoples_preference_and_ties_are_left_out() -> None:
    table = pd.DataFrame({"predicted": [2.0, 2.0, -3.0, 4.0, np.nan], "true": [0.9, 0.2, 0.0, 0.5, 1.0]})
    result = with_deviation(table, pairs=True)
    assert result["deviation"].tolist() == [2.0, -2.0, 3.0]
    assert result["correctness"].idxmin() == 1


def test_the_worst_vote_is_the_one_farthest_off_on_either_side() -> None:
    table = pd.DataFrame({"predicted": [5.0, 2.0, 9.0], "true": [5.5, 6.0, 6.0]})
    result = with_deviation(table, pairs=False)
    assert result["deviation"].tolist() == [-0.5, -4.0, 3.0]
    assert result["correctness"].idxmin() == 1


def test_quantiles_and_the_histogram_are_of_these_margins(tmp_path: Path) -> None:
    rows = [(0.0, -1.0, 0.0), (1.0, 2.0, 1.0), (2.0, 3.0, 0.2), (3.0, 9.0, 0.5)]
    train(tmp_path, with_answers(siamese(), *rows), pair_examples(), Holdout(worst=0))
    assert logged(tmp_path, "hold_out/margin_median") == {1: 1.0}
    assert logged(tmp_path, "hold_out/margin_low")[1] == pytest.approx(-2.2)
    assert logged(tmp_path, "hold_out/margin_high")[1] == pytest.approx(1.8)
    (histogram,) = events(tmp_path).Histograms("hold_out/margins")
    assert (histogram.histogram_value.num, histogram.histogram_value.min, histogram.step) == (3, -3.0, 1)
    assert not events(tmp_path).Tags()["images"]


def test_the_worst_pairs_stand_with_the_better_photo_left_and_the_worst_on_top(tmp_path: Path) -> None:
    data = pair_examples()
    rows = [(0.0, -1.0, 0.0), (3.0, -2.5, 1.0), (4.0, 4.0, 0.2)]
    train(tmp_path, with_answers(siamese(), *rows), data, Holdout(worst=2))
    fourth, fifth = data.validation_examples[3], data.validation_examples[4]
    (event,) = events(tmp_path).Images("hold_out/worst")
    sheet = picture(event.encoded_image_string)
    side, caption = fifth.first.shape[1], text_strip(1, []).shape[1]
    assert sheet.shape == (3, 2 * (side + caption) + GAP, 2 * side + GAP)
    for row, pair in enumerate([(fifth.second, fifth.first), (fourth.first, fourth.second)]):
        top = row * (side + caption + GAP)
        for column, expected in enumerate(pair):
            left = column * (side + GAP)
            assert torch.equal(sheet[:, top : top + side, left : left + side], expected)
        below = sheet[:, top + side : top + side + caption]
        assert (below == 0).any()  # letters
        assert (below == 255).any()
    assert text(tmp_path) == [
        "1. better `./4.jpg`, worse `nan`: margin -4.00\n1. better `1.0`, worse `./3.jpg`: margin -2.50"
    ]


def picture(png: bytes) -> torch.Tensor:
    import io

    from PIL import Image

    return torch.from_numpy(np.array(Image.open(io.BytesIO(png)).convert("RGB"))).permute(2, 0, 1)


def test_of_several_views_the_whole_frame_is_shown(tmp_path: Path) -> None:
    first = torch.stack([torch.full((3, 8, 8), 10 * at, dtype=torch.uint8) for at in range(5)])
    example = Votes(first, torch.eye(10)[0], torch.tensor(1.0), torch.tensor(0))
    data = vote_examples()
    model = with_answers(ava(), (0.0, 5.0, 1.0))
    model.learns_pairs = False  # type: ignore[assignment]
    data.train_dataloader = FixedExamples(votes(4)).train_dataloader  # type: ignore[method-assign]
    data.validation_examples = [example]
    train(tmp_path, model, data, Holdout(worst=3))
    (event,) = events(tmp_path).Images("hold_out/worst")
    assert torch.equal(picture(event.encoded_image_string)[:, :8], first[0])
    assert text(tmp_path) == ["1. `NA.jpg`: 5.00 instead of 1.00"]


@pytest.mark.parametrize("name", ["a" * 255 + "END.jpg", "ä模\U0001f600.jpg", "a\nb\tc", "\x00\x1b[31m", "`*_<b>", ""])
def test_a_caption_stays_in_its_width_whatever_the_name(name: str) -> None:
    strip = text_strip(100, [(50, 0, name, 50), (0, 1, "margin -1.50", 100)])
    assert strip.shape == text_strip(100, []).shape
    upper = strip.shape[1] // 2
    assert (strip[:, :upper, :50] == 255).all()
    assert (strip[:, upper:, :50] < 128).any()


def test_a_long_name_keeps_its_end() -> None:
    assert torch.equal(
        text_strip(60, [(0, 0, "x" * 90 + "7.jpg", 60)]), text_strip(60, [(0, 0, "x" * 50 + "7.jpg", 60)])
    )
    assert not torch.equal(
        text_strip(60, [(0, 0, "x" * 90 + "7.jpg", 60)]), text_strip(60, [(0, 0, "x" * 90 + "8.jpg", 60)])
    )


def test_votes_show_errors(tmp_path: Path) -> None:
    train(tmp_path, ava(), vote_examples(), Holdout(worst=2), max_epochs=2)
    assert list(logged(tmp_path, "hold_out/error_median")) == [1, 3]
    assert len(text(tmp_path)) == 2


def test_without_names_and_pictures_examples_go_by_their_number(tmp_path: Path) -> None:
    class Plain(FixedExamples):
        def __init__(self, examples: list[Pairs]) -> None:
            super().__init__(examples)
            self.examples = self.__dict__.pop("validation_examples")
            del self.validation_names

        def train_dataloader(self) -> Any:
            return FixedExamples(self.examples).train_dataloader()

    train(tmp_path, with_answers(siamese(), (5.0, -1.0, 0.9)), Plain(pairs(8)), Holdout(worst=2))
    assert text(tmp_path) == ["1. example 5: predicted -1.00, true 0.90"]
    assert not events(tmp_path).Tags()["images"]


@pytest.mark.parametrize("rows", [[], [(0.0, float("nan"), 1.0), (1.0, float("inf"), 0.0)], [(0.0, 1.0, 0.5)]])
def test_a_validation_without_finite_predictions_logs_nothing(tmp_path: Path, rows: list[tuple[float, ...]]) -> None:
    model = with_answers(siamese(), *rows)  # type: ignore[arg-type]
    if not rows:
        model.on_validation_epoch_end = lambda: None  # type: ignore[method-assign]
    train(tmp_path, model, pair_examples(), Holdout(worst=2))
    assert not events(tmp_path).Tags()["histograms"]
