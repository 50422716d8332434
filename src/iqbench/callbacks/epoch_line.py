"""One log line per validation."""

import logging
from typing import final

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from iqbench.callbacks.logging_steps import should_log

log = logging.getLogger(__name__)


@final
class EpochLine(Callback):
    """Logs the loss and the main metric after each validation."""

    def __init__(self) -> None:
        self._old_metrics: dict[str, Tensor] = {}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Store the old metrics, because Lightning keeps them if this validation does not log them."""
        self._old_metrics = dict(trainer.callback_metrics)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the line."""
        if should_log(trainer):
            current = trainer.callback_metrics
            metrics = {
                name: float(value) for name, value in current.items() if value is not self._old_metrics.get(name)
            }
            log.info("%s", epoch_line(trainer.current_epoch, metrics, bool(getattr(pl_module, "learns_pairs", True))))


def epoch_line(epoch: int, metrics: dict[str, float], pairs: bool) -> str:
    """Return the log line of a validation on pairs, or on votes.

    Example:
        >>> epoch_line(3, {"val/loss": 0.5117, "val/accuracy": 0.7131, "val/constant_accuracy": 0.52}, pairs=True)
        'epoch 3: val/loss 0.512, val/accuracy 71.3 % (a constant answer: 52.0 %)'
        >>> epoch_line(0, {"val/loss": 0.25}, pairs=False)
        'epoch 0: val/loss 0.250, val/srcc undefined'
    """
    loss = _formatted(metrics.get("val/loss"), "{:.3f}")
    if pairs:
        names = ("val/accuracy", "val/constant_accuracy")
        accuracy, constant = (_formatted(metrics.get(name), "{:.1%}") for name in names)
        return f"epoch {epoch}: val/loss {loss}, val/accuracy {accuracy} (a constant answer: {constant})"
    return f"epoch {epoch}: val/loss {loss}, val/srcc {_formatted(metrics.get('val/srcc'), '{:.3f}')}"


def _formatted(value: float | None, template: str) -> str:
    return "undefined" if value is None else template.format(value).replace("%", " %")
