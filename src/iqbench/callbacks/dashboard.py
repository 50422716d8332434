"""Layout of TensorBoard's page CUSTOM SCALARS: related scalars in one chart."""

from typing import Any, final

from lightning import Callback, LightningModule, Trainer

from iqbench.callbacks.logging_steps import should_log, summary_writers
from iqbench.interfaces import Labels, Pairs, Votes

Layout = dict[str, dict[str, list[Any]]]
"""Section, chart, then the chart's kind and tags. Tags are regular expressions that match the start of a tag."""

QUALITY: dict[Labels, dict[str, list[Any]]] = {
    "pairs": {
        "accuracy, and that of a constant answer": ["Multiline", ["val/accuracy$", "val/constant_accuracy$"]],
        "margin towards people's choice: median, 10 % and 90 %": [
            "Margin",
            ["hold_out/margin_median", "hold_out/margin_low", "hold_out/margin_high"],
        ],
    },
    "votes": {
        "rank correlation": ["Multiline", ["val/srcc$", "val/plcc$"]],
        "error of the mean vote, rms": ["Multiline", ["val/rmse$"]],
        "error of the mean vote: median, 10 % and 90 %": [
            "Margin",
            ["hold_out/error_median", "hold_out/error_low", "hold_out/error_high"],
        ],
    },
}

LABEL_CHARTS: dict[Labels, dict[str, list[Any]]] = {
    "pairs": {"share of labels": ["Multiline", ["labels/(first|second|tie)$"]]},
    "votes": {"mean votes and their spread": ["Multiline", ["labels/(mean_vote|vote_spread)$"]]},
}


@final
class Dashboard(Callback):
    """Writes the layout for the kind of labels at the first training batch."""

    def __init__(self) -> None:
        self._written = False

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Pairs | Votes, batch_idx: int
    ) -> None:
        """Write the layout once."""
        if not self._written and should_log(trainer):
            for writer in summary_writers(trainer):
                writer.add_custom_scalars(layout("pairs" if isinstance(batch, Pairs) else "votes"))
            self._written = True


def layout(labels: Labels) -> Layout:
    """Return the charts for training on a kind of label.

    Example:
        >>> list(layout("pairs"))
        ['quality', 'gradients', 'rates and labels', 'speed']
    """
    return {
        "quality": {"loss": ["Multiline", ["train/loss$", "val/loss$"]], **QUALITY[labels]},
        "gradients": {
            "gradient norm by group": ["Multiline", ["gradient/.*"]],
            "gradient norm in the head": ["Multiline", ["gradient_head/.*"]],
            "relative weight change in a step": ["Multiline", ["weight_change/.*"]],
        },
        "rates and labels": {
            "learning rate by group": ["Multiline", [r"(rate|plateau|lr-\w+)/.*"]],
            **LABEL_CHARTS[labels],
        },
        "speed": {
            "waiting for data and learning, ms a batch": ["Multiline", ["timing/(wait|step)_ms$"]],
            "share of time waiting for data": ["Multiline", ["timing/waiting$"]],
            "examples per second": ["Multiline", ["timing/examples_per_s$"]],
        },
    }
