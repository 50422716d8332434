"""A record of the metrics of every validation."""

from typing import Any, TypedDict, final

from lightning import Callback, LightningModule, Trainer


class Validation(TypedDict):
    """One validation: its epoch, counted from 0, and its metrics."""

    epoch: int
    metrics: dict[str, float]


@final
class ValidationRecord(Callback):
    """Keeps the metrics of every validation, across a resumed training too, in `validations`."""

    def __init__(self) -> None:
        self.validations: list[Validation] = []

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the validation that has just ended."""
        if not trainer.sanity_checking:
            metrics = dict(getattr(pl_module, "validation_metrics", {}))
            self.validations.append({"epoch": trainer.current_epoch, "metrics": metrics})

    def state_dict(self) -> dict[str, Any]:
        """Return the validations, for the checkpoint."""
        return {"validations": list(self.validations)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the validations of before the interruption."""
        self.validations = list(state_dict["validations"])
