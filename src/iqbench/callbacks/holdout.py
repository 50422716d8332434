"""Details of each validation in TensorBoard: the distribution of margins or errors, and the worst examples."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8
from lightning import Callback, LightningModule, Trainer
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from iqbench.callbacks.logging_steps import last_step, log_metrics, should_log, summary_writers
from iqbench.callbacks.validation_table import lead, validation_table
from iqbench.interfaces import Pairs, Votes

GAP = 2
"""White pixels between two pictures."""
FONT_SIZE, LINE_HEIGHT = 12, 15
"""Of the captions, in pixels."""
QUANTILES = {"low": 0.1, "median": 0.5, "high": 0.9}


@final
class Holdout(Callback):
    """Logs details of each validation to TensorBoard, from the predictions that the model has kept.

    For pairs: the histogram ``hold_out/margins`` and its 10 %, 50 % and 90 % quantiles
    ``hold_out/margin_low``, ``_median`` and ``_high``. These margins have the sign of people's
    preference, so above 0 is right. For votes: the same for ``hold_out/errors``, predicted minus true
    mean vote. ``hold_out/worst`` shows the worst examples as prepared for the model, the worst on top
    and the better photo of a pair on the left. Under each stand the names, the label and the prediction;
    the page TEXT lists them, too.

    Args:
        worst: Number of worst examples; 0 for none.
    """

    def __init__(self, worst: int) -> None:
        self.worst = worst

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the validation that has just ended."""
        writers = summary_writers(trainer)
        table = validation_table(trainer, pl_module) if should_log(trainer) and writers else None
        if table is None:
            return
        pairs = bool(getattr(pl_module, "learns_pairs", True))
        examples = getattr(getattr(trainer, "datamodule", None), "validation_examples", None)
        table = with_deviation(table, pairs)
        step = last_step(trainer)
        if not len(table):
            return
        measure = "margin" if pairs else "error"
        quantiles = table["deviation"].quantile(list(QUANTILES.values()))
        log_metrics(trainer, {f"hold_out/{measure}_{name}": quantiles[at] for name, at in QUANTILES.items()}, step)
        worst = table.nsmallest(self.worst, "correctness")
        for writer in writers:
            writer.add_histogram(f"hold_out/{measure}s", table["deviation"].to_numpy(), step)
            if len(worst):
                _write_examples(writer, worst, examples, step)


def with_deviation(table: pd.DataFrame, pairs: bool) -> pd.DataFrame:
    """Return the finite predictions of pairs with a winner, or of votes, with two more columns.

    ``deviation`` is the margin with the sign of people's preference, or the error of the mean vote.
    ``correctness`` is lowest for the worst prediction.
    """
    predicted, true = table["predicted"].to_numpy(), table["true"].to_numpy()
    deviation = lead(predicted, true) if pairs else predicted - true
    correctness = deviation if pairs else -np.abs(deviation)
    finite: pd.DataFrame = table.assign(deviation=deviation, correctness=correctness)[np.isfinite(deviation)]
    return finite


def description(row: dict[str, Any]) -> str:
    """Return an example and its prediction in one line of Markdown.

    Example:
        >>> description({"first": "./a.jpg", "second": "./b.jpg", "true": 0.2, "predicted": 1.5, "deviation": -1.5})
        'better `./b.jpg`, worse `./a.jpg`: margin -1.50'
        >>> description({"index": 7, "photo": "./a.jpg", "true": 5.25, "predicted": 3.0, "deviation": -2.25})
        '`./a.jpg`: 3.00 instead of 5.25'
        >>> description({"index": 7, "true": 0.9, "predicted": -1.0, "deviation": -1.0})
        'example 7: predicted -1.00, true 0.90'
    """
    if "first" in row:
        better, worse = ("first", "second") if row["true"] > 0.5 else ("second", "first")
        return f"better {_code(row[better])}, worse {_code(row[worse])}: margin {row['deviation']:.2f}"
    if "photo" in row:
        return f"{_code(row['photo'])}: {row['predicted']:.2f} instead of {row['true']:.2f}"
    return f"example {row['index']}: predicted {row['predicted']:.2f}, true {row['true']:.2f}"


def caption(row: dict[str, Any]) -> tuple[list[str], str]:
    """Return the names under the pictures of an example, and the line with its label and prediction.

    Example:
        >>> caption({"first": "./a.jpg", "second": "./b.jpg", "true": 0.2, "predicted": 1.5, "deviation": -1.5})
        (['./b.jpg', './a.jpg'], 'the left is better (label 0.80), margin -1.50')
        >>> caption({"photo": "./a.jpg", "true": 5.25, "predicted": 3.0, "deviation": -2.25})
        (['./a.jpg'], 'mean vote 5.25, predicted 3.00')
    """
    true, predicted = row["true"], row["predicted"]
    if "photo" in row:
        return [str(row["photo"])], f"mean vote {true:.2f}, predicted {predicted:.2f}"
    if "first" not in row:
        return [], f"example {row['index']}: label {true:.2f}, predicted {predicted:.2f}"
    better, worse = ("first", "second") if true > 0.5 else ("second", "first")
    numbers = f"the left is better (label {max(true, 1 - true):.2f}), margin {row['deviation']:.2f}"
    return [str(row[better]), str(row[worse])], numbers


def text_strip(width: int, texts: Sequence[tuple[int, int, str, int]]) -> UInt8[Tensor, "3 height width"]:
    """Return a white strip with two lines of text.

    Args:
        width: Its width, in pixels.
        texts: The left edge of each text in pixels, its line (0 or 1), the text, and the width that it may take. A
            text that is wider loses its beginning, since the end of a name tells more.
    """
    font = ImageFont.load_default(FONT_SIZE)
    strip = Image.new("RGB", (width, 2 * LINE_HEIGHT), "white")
    draw = ImageDraw.Draw(strip)
    for left, line, text, room in texts:
        shown = text = " ".join(text.split())
        while text and draw.textlength(shown, font) > room - GAP:
            text = text[1:]
            shown = f"...{text}"
        draw.text((left + GAP, line * LINE_HEIGHT), shown, "black", font)
    return torch.from_numpy(np.array(strip)).permute(2, 0, 1)


def _write_examples(writer: SummaryWriter, worst: pd.DataFrame, examples: Any, step: int) -> None:
    rows: list[dict[str, Any]] = worst.to_dict("records")  # type: ignore[assignment]
    writer.add_text("hold_out/worst", "\n".join(f"1. {description(row)}" for row in rows), step)
    if examples is not None:
        sheets = [_captioned(_pictures(examples[row["index"]], row["true"]), row) for row in rows]
        writer.add_image("hold_out/worst", _joined(sheets, dim=1), step)


def _captioned(pictures: Sequence[UInt8[Tensor, "3 h w"]], row: dict[str, Any]) -> UInt8[Tensor, "3 height width"]:
    """Return the pictures of an example side by side, with their names and its label and prediction below."""
    sheet = _joined(pictures, dim=2)
    names, numbers = caption(row)
    lefts = [number * (pictures[0].shape[2] + GAP) for number in range(len(names))]
    texts = [(left, 0, name, pictures[0].shape[2]) for left, name in zip(lefts, names, strict=True)]
    return torch.cat([sheet, text_strip(sheet.shape[2], [*texts, (0, 1, numbers, sheet.shape[2])])], dim=1)


def _pictures(example: Pairs | Votes, true: float) -> list[UInt8[Tensor, "3 size size"]]:
    """Return the pictures of an example; of several views the first one, which is the whole frame."""
    if isinstance(example, Votes):
        pictures = [example.pictures]
    else:
        pictures = [example.first, example.second] if true > 0.5 else [example.second, example.first]
    return [picture[0] if picture.ndim == 4 else picture for picture in pictures]


def _joined(pictures: Sequence[UInt8[Tensor, "3 h w"]], dim: int) -> UInt8[Tensor, "3 height width"]:
    shape = list(pictures[0].shape)
    shape[dim] = GAP
    gap = torch.full(shape, 255, dtype=torch.uint8)
    return torch.cat([part for picture in pictures for part in (gap, picture)][1:], dim=dim)


def _code(name: str) -> str:
    return f"`{name.replace('`', chr(39))}`"
