"""A check that a training goes on with the data that it began with: by contents and splits, not by paths."""

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from lightning import Callback, LightningModule, Trainer

from iqbench.commands import override, shell_quoted
from iqbench.datasets.contents import SplitContents
from iqbench.errors import CheckpointError
from iqbench.interfaces import Split
from iqbench.models.learned import Learned
from iqbench.training.resume import Resumed

log = logging.getLogger(__name__)


class HasContents(Protocol):
    """A data module that knows what it trains and validates with."""

    @property
    def contents(self) -> Mapping[Split, SplitContents]:
        """The contents of the splits ``train`` and ``val``."""
        ...


class SameData(Callback):
    """Refuses to resume a training on other data, and records the data in the model's checkpoints.

    Without this, a photo that was trained on could move into the validation or test split when photos or
    labels are added. With ``ckpt_path=`` another data set is allowed, as long as it shares no photo with
    what the checkpoint was trained on.

    Args:
        model: The model, before the data module sets its training provenance.
        resumed: The checkpoint that is resumed, None for a new training.
    """

    def __init__(self, model: Learned, resumed: Resumed | None) -> None:
        self.before: dict[str, Any] = model.data
        self.photos = frozenset(model.trained_on.get("photos", []))
        self.resumed = resumed

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Compare the data.

        Raises:
            CheckpointError: If a resumed training would see other data.
        """
        data: Any = getattr(trainer, "datamodule", None)
        if stage != "fit" or not hasattr(data, "contents") or not isinstance(pl_module, Learned):
            return
        contents: Mapping[Split, SplitContents] = data.contents
        pl_module.data = {split: part.card() for split, part in contents.items()}
        change = difference(self.before, pl_module.data)
        if not change:
            return
        if self.resumed is None:
            self._warn_of_seen(contents["val"].photos)
            return
        known = self.photos & (contents["train"].photos | contents["val"].photos)
        if self.resumed.key == "out" or known:
            raise CheckpointError(
                f"{self.resumed}: the data set has changed since this training began: {change}. Choose another out=, "
                f"where {shell_quoted(override('model.checkpoint', str(self.resumed.path)))} starts from its weights"
            )
        log.info("%s: goes on with another data set (%s)", self.resumed, change)

    def _warn_of_seen(self, validation: frozenset[str]) -> None:
        if seen := len(validation & self.photos):
            log.warning(
                "VALIDATION IS NOT HELD OUT: %d of its %d photos were in the training data of model.checkpoint",
                seen,
                len(validation),
            )


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Return how the contents of a data set differ, "" if they do not, or those of before are unknown.

    Example:
        >>> old = {"photos": 9, "photos_digest": "a", "examples": 20, "labels": "b"}
        >>> difference({"train": old}, {"train": {**old, "photos": 8, "photos_digest": "c", "examples": 18}})
        'train had 20 examples of 9 photos, now 18 of 8'
        >>> difference({"train": old}, {"train": {**old, "labels": "c"}})
        'train has the same photos with other labels or degradations'
    """
    return ", ".join(text for split in now if split in before and (text := _change(split, before[split], now[split])))


def _change(split: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    if before == now:
        return ""
    counts = [(part.get("examples"), part.get("photos")) for part in (before, now)]
    if counts[0] != counts[1]:
        (examples, photos), (examples_now, photos_now) = counts
        return f"{split} had {examples} examples of {photos} photos, now {examples_now} of {photos_now}"
    if before.get("photos_digest") != now["photos_digest"]:
        return f"{split} has as many photos as before, but other or changed ones"
    return f"{split} has the same photos with other labels or degradations"
