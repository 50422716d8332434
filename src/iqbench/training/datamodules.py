"""The data module of a training: labelled photos, or photos against their degraded copies."""

import logging
from typing import Any

from lightning import LightningDataModule
from omegaconf import DictConfig

from iqbench import config as configuration
from iqbench.datasets.labelled import LabelledPhotos
from iqbench.degradations.drawn import Kind
from iqbench.errors import UsageError
from iqbench.models.learned import Learned
from iqbench.training_provenance import joined_provenance

log = logging.getLogger(__name__)


def datamodule_for(config: DictConfig, model: Learned) -> LightningDataModule:
    """Return the examples of the data set, or, for photos without labels, examples made by degrading them.

    Raises:
        UsageError: If the data cannot be read, or the model cannot learn from it.
    """
    examples = configuration.build(config.examples, "examples")
    data: Any = configuration.build(config.data, "data")
    if isinstance(data, LabelledPhotos):
        data.configure_examples(model, examples)
        return data
    nodes = {str(type_): (node, f"degradation.{type_}") for type_, node in config.degradation.items()}
    degradations = {type_: configuration.build(node, key) for type_, (node, key) in nodes.items()}
    if semantic := [kind for kind, damage in degradations.items() if damage.group == "semantic"]:
        raise UsageError(
            f"degradation={','.join(semantic)}: cannot be trained on, since it cannot be made of every photo; "
            "choose technical or compositional damage, such as degradation=standard"
        )
    kinds = [
        Kind(type_, configuration.build(DictConfig({**node, "_partial_": True}), key))
        for type_, (node, key) in nodes.items()
    ]
    degraded: Any = configuration.build(config.self_supervision, "self_supervision")(
        files=data.photos().files, kinds=kinds, learner=model, examples=examples
    )
    model.trained_on = joined_provenance(model.trained_on, degraded.trained_on)
    log.info("This is %s.", degraded.trained_on["what"])
    log.info("%d photos to train on, %d to validate.", len(degraded.training_files), len(degraded.validation_files))
    return degraded  # type: ignore[no-any-return]
