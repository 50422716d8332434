"""How each validation went, as one line in the log."""

import logging
from typing import final

from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from iqbench.callbacks.logging_steps import recording

log = logging.getLogger(__name__)


@final
class EpochLine(Callback):
    """Logs one line after each validation, for a terminal or a log file."""

    def __init__(self) -> None:
        self._before: dict[str, Tensor] = {}

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember the metrics there are: Lightning keeps showing them where a validation has none of its own."""
        self._before = dict(trainer.callback_metrics)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the line."""
        if recording(trainer):
            now = trainer.callback_metrics
            metrics = {name: float(value) for name, value in now.items() if value is not self._before.get(name)}
            log.info("%s", epoch_line(trainer.current_epoch, metrics, bool(getattr(pl_module, "learns_pairs", True))))


def epoch_line(epoch: int, metrics: dict[str, float], pairs: bool) -> str:
    """Return what there is to say about a validation of pairs, or of votes.

    Example:
        >>> epoch_line(3, {"val/loss": 0.5117, "val/accuracy": 0.7131, "val/constant_accuracy": 0.52}, pairs=True)
        'epoch 3: val/loss 0.512, val/accuracy 71.3 % (a constant answer: 52.0 %)'
        >>> epoch_line(0, {"val/loss": 0.25}, pairs=False)
        'epoch 0: val/loss 0.250, val/srcc undefined'
    """
    loss = _said(metrics.get("val/loss"), "{:.3f}")
    if pairs:
        accuracy, constant = (_said(metrics.get(f"val/{name}"), "{:.1%}") for name in ("accuracy", "constant_accuracy"))
        return f"epoch {epoch}: val/loss {loss}, val/accuracy {accuracy} (a constant answer: {constant})"
    return f"epoch {epoch}: val/loss {loss}, val/srcc {_said(metrics.get('val/srcc'), '{:.3f}')}"


def _said(value: float | None, form: str) -> str:
    return "undefined" if value is None else form.format(value).replace("%", " %")
