"""What the validation looks like from near: how sure the model is, and where it is most wrong."""

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import pandas as pd
import torch
from jaxtyping import UInt8
from lightning import Callback, LightningModule, Trainer
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from iqbench.callbacks.answers import answers_of, lead
from iqbench.callbacks.logging_steps import record, recording, step_done, writers
from iqbench.interfaces import Pairs, Votes

GAP = 2
"""Pixels of white between two pictures."""
QUANTILES = {"low": 0.1, "median": 0.5, "high": 0.9}


@final
class HoldOut(Callback):
    """Shows in TensorBoard how each validation went, from the answers that the model has already given.

    Of pairs: the histogram ``hold_out/margins`` and its 10 %, 50 % and 90 % points
    ``hold_out/margin_low``, ``_median`` and ``_high``, all of the margins as seen from people's choice:
    above 0 is right. Of votes: the same of ``hold_out/errors``, predicted less true mean vote.
    ``hold_out/worst`` shows the worst examples as the model saw them, the worst on top: of a pair the
    better photo left; and lists them by name.

    Args:
        worst: How many of them; 0 shows none.
    """

    def __init__(self, worst: int) -> None:
        self.worst = worst

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show the validation that has just ended."""
        places = writers(trainer)
        table = answers_of(trainer, pl_module) if recording(trainer) and places else None
        if table is None:
            return
        pairs = bool(getattr(pl_module, "learns_pairs", True))
        examples = getattr(getattr(trainer, "datamodule", None), "validation_examples", None)
        table = judged(table, pairs)
        step = step_done(trainer)
        if not len(table):
            return
        what = "margin" if pairs else "error"
        points = table["sight"].quantile(list(QUANTILES.values()))
        record(trainer, {f"hold_out/{what}_{name}": points[at] for name, at in QUANTILES.items()}, step)
        worst = table.nsmallest(self.worst, "good")
        for writer in places:
            writer.add_histogram(f"hold_out/{what}s", table["sight"].to_numpy(), step)
            if len(worst):
                _show(writer, worst, examples, step)


def judged(table: pd.DataFrame, pairs: bool) -> pd.DataFrame:
    """Return the answers about which there is something to say, with two columns more.

    ``sight`` is the margin as seen from people's choice, or the error of a mean vote; ``good`` is lowest
    where the answer is worst. Pairs without a winner, and answers that are not finite, are left out.
    """
    predicted, true = table["predicted"].to_numpy(), table["true"].to_numpy()
    sight = lead(predicted, true) if pairs else predicted - true
    finite: pd.DataFrame = table.assign(sight=sight, good=sight if pairs else -np.abs(sight))[np.isfinite(sight)]
    return finite


def described(answer: dict[str, Any]) -> str:
    """Return an example and its answer in one line of Markdown.

    Example:
        >>> described({"first": "./a.jpg", "second": "./b.jpg", "true": 0.2, "predicted": 1.5, "sight": -1.5})
        'better `./b.jpg`, worse `./a.jpg`: margin -1.50'
        >>> described({"index": 7, "photo": "./a.jpg", "true": 5.25, "predicted": 3.0, "sight": -2.25})
        '`./a.jpg`: 3.00 instead of 5.25'
        >>> described({"index": 7, "true": 0.9, "predicted": -1.0, "sight": -1.0})
        'example 7: predicted -1.00, true 0.90'
    """
    if "first" in answer:
        better, worse = ("first", "second") if answer["true"] > 0.5 else ("second", "first")
        return f"better {_code(answer[better])}, worse {_code(answer[worse])}: margin {answer['sight']:.2f}"
    if "photo" in answer:
        return f"{_code(answer['photo'])}: {answer['predicted']:.2f} instead of {answer['true']:.2f}"
    return f"example {answer['index']}: predicted {answer['predicted']:.2f}, true {answer['true']:.2f}"


def sheet(rows: Sequence[Sequence[UInt8[Tensor, "3 size size"]]]) -> UInt8[Tensor, "3 height width"]:
    """Return pictures side by side in rows, with white between them.

    Example:
        >>> black = torch.zeros(3, 4, 4, dtype=torch.uint8)
        >>> sheet([[black, black], [black, black]]).shape
        torch.Size([3, 10, 10])
    """
    beside = [_joined(row, dim=2) for row in rows]
    return _joined(beside, dim=1)


def _show(writer: SummaryWriter, worst: pd.DataFrame, examples: Any, step: int) -> None:
    answers: list[dict[str, Any]] = worst.to_dict("records")  # type: ignore[assignment]
    writer.add_text("hold_out/worst", "\n".join(f"1. {described(answer)}" for answer in answers), step)
    if examples is not None:
        rows = [_pictures(examples[answer["index"]], answer["true"]) for answer in answers]
        writer.add_image("hold_out/worst", sheet(rows), step)


def _pictures(example: Pairs | Votes, true: float) -> list[UInt8[Tensor, "3 size size"]]:
    """Return the pictures of an example, of several views the first, which is the whole frame."""
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
