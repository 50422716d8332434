"""Train a judge: ``python -m iqbench.train model=siamese``."""

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from iqbench import config as configuration
from iqbench.errors import UsageError

if TYPE_CHECKING:
    from lightning import LightningDataModule

    from iqbench.models.learned import Learned

log = logging.getLogger(__name__)


def main() -> None:
    """Start training from the command line."""
    configuration.launch(job, "train")


def job(config: DictConfig) -> None:
    """Train, then say where the best checkpoint is and how to benchmark it."""
    current = configuration.Job.current()
    configuration.check(config, current, "train")
    best = train(config, current.folder)
    log.info("best checkpoint: %s", best)
    log.info("benchmark it: python -m iqbench.bench model=%s model.checkpoint=%s", config.name, best)


def train(config: DictConfig, folder: Path) -> Path:
    """Train the model, and return its best checkpoint.

    Raises:
        UsageError: If the model or the data cannot be trained with, or the checkpoint to resume cannot be used.
    """
    import lightning
    from lightning.pytorch.callbacks import LearningRateMonitor, ModelCheckpoint, RichProgressBar
    from lightning.pytorch.loggers import TensorBoardLogger

    from iqbench.models.checkpoint import export_head, read_weights
    from iqbench.models.learned import Learned

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch").handlers.clear()
    warnings.filterwarnings("ignore", message=".*LeafSpec")  # Lightning's own call of torch, not ours to mend
    warnings.filterwarnings("ignore", message="The dirpath has changed")  # a resumed run has a folder of its own
    warnings.filterwarnings("ignore", message="Found .* module.* in eval mode")  # a frozen backbone is meant to be
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    if config.ckpt_path is not None:
        read_weights(Path(config.ckpt_path), key="ckpt_path")
    if not configuration.describes(config.model, "model", Learned):
        raise UsageError(f"model={config.name}: follows rules, there is nothing to train; train siamese or ava")
    model = configuration.build(config.model, "model")
    if config.ckpt_path is not None:
        model.load_weights(config.ckpt_path)  # refuses another family or architecture before Lightning resumes
    datamodule = labelled(config, model)
    place: dict[str, Any] = {"dirpath": folder / "checkpoints", "enable_version_counter": False}
    checkpoints = ModelCheckpoint(filename="best", monitor="val/loss", **place)
    last = ModelCheckpoint(filename="last", **place)  # every epoch; save_last would follow the best one only
    trainer = configuration.build(config.trainer, "trainer")(
        callbacks=[checkpoints, last, LearningRateMonitor(), RichProgressBar()],
        logger=TensorBoardLogger(folder, name="tensorboard", version=0),
        default_root_dir=folder,
    )
    trainer.fit(model, datamodule, ckpt_path=config.ckpt_path, weights_only=True)
    best = Path(checkpoints.best_model_path)
    if not best.is_file():
        raise UsageError(
            f"{folder}: no checkpoint was written; is the folder writable, and trainer.max_epochs above 0?"
        )
    if model.frozen and config.model.weights == "packaged":  # a head can only be completed by what a package has
        export_head(best.with_name("head.safetensors"), read_weights(best))
    return best


def labelled(config: DictConfig, model: "Learned") -> "LightningDataModule":
    """Return the data set's own examples, or, where it is only photos, examples made by degrading them."""
    from lightning import LightningDataModule

    from iqbench.degradations.ladder import suite

    data: Any = configuration.build(config.data, "data")
    if isinstance(data, LightningDataModule):
        return data
    degradations = {t: configuration.build(node, f"degradation.{t}") for t, node in config.degradation.items()}
    files = data.photos().files
    examples = configuration.build(config.self_supervision, "self_supervision")(
        files=files, variants=suite(degradations), prepare=model.prepare, labels=model.labels
    )
    model.trained_on = examples.trained_on
    log.info("This is %s.", examples.trained_on["what"])
    log.info(
        "%d photos to train on, %d others to validate.", len(examples.training_files), len(examples.validation_files)
    )
    assert isinstance(examples, LightningDataModule)
    return examples


if __name__ == "__main__":
    main()
