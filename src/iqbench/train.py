"""Train a judge: ``python -m iqbench.train model=siamese data=phototriage``."""

import logging
import os
import shlex
import signal
import sys
import threading
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from iqbench import cli
from iqbench import config as configuration
from iqbench.errors import CheckpointError, IqbenchError, Stopped, UsageError

if TYPE_CHECKING:
    from lightning import LightningDataModule

    from iqbench.models.learned import Learned

log = logging.getLogger(__name__)

RECIPE = ("model", "data", "examples", "self_supervision", "degradation", "seed")
"""What two runs must share for one to go on where the other stopped."""

RANKS = ("RANK", "LOCAL_RANK", "SLURM_PROCID", "NODE_RANK", "GROUP_RANK")
"""What launchers number the processes of one training by, from 0."""


def main() -> None:
    """Start training from the command line."""
    cli.launch(job, "train", interrupted="the same command goes on where it was")


def job(config: DictConfig) -> None:
    """Train, then say where the best checkpoint is and how to use it."""
    current = cli.Job.current()
    cli.check(config, current, "train")
    with alone_in(current.folder):
        best = train(config, current.folder)
    if best is None:
        log.info("a trial of one batch: nothing was kept")
        return
    log.info("best checkpoint: %s", best)
    for command in what_next(config, current, best):
        log.info("%s", command)


def alone_in(folder: Path) -> AbstractContextManager[None]:
    """Hold the folder for this training; the processes that it starts, here or on other nodes, share it."""
    from iqbench.results.store import lock

    return lock(folder) if all(os.environ.get(rank, "0") == "0" for rank in RANKS) else nullcontext()


def train(config: DictConfig, folder: Path) -> Path | None:
    """Train the model, and return its best checkpoint; none after a ``fast_dev_run``.

    Raises:
        UsageError: If the model or the data cannot be trained with, or the checkpoint to resume cannot be used.
    """
    import lightning
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch.callbacks import LearningRateMonitor, RichProgressBar
    from lightning.pytorch.loggers import TensorBoardLogger

    from iqbench.models.checkpoint import export_head, read_weights
    from iqbench.models.learned import Learned
    from iqbench.training.checkpoint_io import AtomicCheckpointIO

    _quiet()
    lightning.seed_everything(config.seed, workers=True, verbose=False)
    if not configuration.describes(config.model, "model", Learned):
        raise UsageError(f"model={config.name}: follows rules, there is nothing to train; train siamese or ava")
    going_on = _checkpoint_to_resume(config, folder)
    model = configuration.build(config.model, "model")
    if going_on is not None:
        model.load_weights(str(going_on))  # refuses another family or architecture before Lightning resumes
    model.recipe = recipe(config)
    datamodule = labelled(config, model)
    make_trainer = configuration.build(config.trainer, "trainer")
    if config.trainer.get("accumulate_grad_batches", 1) < 1:  # the one number that Lightning does not look at
        raise UsageError(
            f"trainer.accumulate_grad_batches={config.trainer.accumulate_grad_batches}: must be at least 1"
        )
    try:
        callbacks = {name: configuration.build(node, f"callbacks.{name}") for name, node in config.callbacks.items()}
    except MisconfigurationException as error:
        raise UsageError(f"callbacks: {' '.join(str(error).split())[:300]}") from error
    try:
        trainer = make_trainer(
            callbacks=[*callbacks.values(), LearningRateMonitor(), RichProgressBar()],
            logger=TensorBoardLogger(folder, name="tensorboard", version=0, default_hp_metric=False),
            plugins=[AtomicCheckpointIO()],
            default_root_dir=folder,
            **on_this_machine(config.trainer),
        )
    except (MisconfigurationException, ImportError, ValueError, TypeError) as error:
        raise UsageError(f"trainer: {' '.join(str(error).split())[:300]}") from error
    fit(trainer, model, datamodule, going_on)
    if trainer.fast_dev_run:
        return None
    best = Path(trainer.checkpoint_callback.best_model_path if trainer.checkpoint_callback else "")
    if not best.is_file():
        raise UsageError(
            f"{folder}: no checkpoint was written; is the folder writable, and trainer.max_epochs above 0?"
        )
    if model.frozen and model.unfreeze_every is None and config.model.weights == "packaged" and trainer.is_global_zero:
        export_head(best.with_name("head.safetensors"), read_weights(best))  # only a package can complete a head
    return best


def on_this_machine(trainer: DictConfig) -> dict[str, Any]:
    """Return what must be otherwise than in the trainer's config: torch synchronises batch statistics on GPUs only."""
    import torch

    on_gpu = trainer.accelerator in ("gpu", "cuda", "auto") and torch.cuda.is_available()
    if not trainer.get("sync_batchnorm") or on_gpu:
        return {}
    log.info("trainer.sync_batchnorm: only GPUs can; with model.batch_statistics=learned each process has its own")
    return {"sync_batchnorm": False}


def what_next(config: DictConfig, current: cli.Job, best: Path) -> list[str]:
    """Return the commands that judge with a checkpoint, with every setting that it needs and the files do not have."""
    from iqbench.datasets.labelled import LabelledPhotos
    from iqbench.models.checkpoint import read_weights

    model, data = current.choices["model"], current.choices["data"]
    files = configuration.compose("train", [f"model={model}", f"data={data}"])
    needed = {key: value for key, value in read_weights(best).architecture.items() if files.model[key] != value}
    if "backbone" in needed:
        needed["weights"] = "none"  # the checkpoint has them all
    judge = [f"model={model}", *(f"model.{key}={value}" for key, value in needed.items()), f"model.checkpoint={best}"]
    commands = [["bench", *judge]]
    if configuration.describes(config.data, "data", LabelledPhotos):
        changed = [key for key in config.data if key != "seed" and config.data[key] != files.data[key]]
        place = [f"data={data}", *(f"data.{key}={config.data[key]}" for key in changed)]
        commands.append(["evaluate", *judge, *place, *([f"seed={config.seed}"] if config.seed != files.seed else [])])
    return [f"python -m iqbench.{shlex.join(command)}" for command in commands]


def fit(trainer: Any, model: "Learned", datamodule: "LightningDataModule", going_on: Path | None) -> None:
    """Train until the end, or until somebody stops it: then with the exit code that says so.

    Raises:
        IqbenchError: If a photo or the disk fails in the middle, or a setting of the trainer or a callback is wrong.
    """
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from lightning.pytorch.utilities.exceptions import SIGTERMException

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)  # Lightning's own way: finish the batch, save, stop
    try:
        trainer.fit(model, datamodule, ckpt_path=going_on, weights_only=True)
    except SIGTERMException:
        log.info("stopped; the same command goes on where it was")
        sys.exit(143)
    except MisconfigurationException as error:  # such as a monitor that nothing logs
        raise UsageError(f"trainer or callbacks: {' '.join(str(error).split())[:400]}") from error
    except IqbenchError as error:  # a worker process sends its traceback along
        raise type(error)(
            str(error).strip().splitlines()[-1].removeprefix(f"iqbench.errors.{type(error).__name__}: ")
        ) from error
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise Stopped(
            f"a process that reads photos died ({' '.join(str(error).split())[:200]}); if memory is short, lower "
            "examples.workers or examples.batch_size. The same command goes on where it was"
        ) from error
    except SystemExit as stop:
        if trainer.interrupted:
            raise KeyboardInterrupt from stop
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def labelled(config: DictConfig, model: "Learned") -> "LightningDataModule":
    """Return the data set's own examples, or, where it is only photos, examples made by degrading them."""
    from iqbench.datasets.labelled import LabelledPhotos
    from iqbench.degradations.ladder import suite

    examples = configuration.build(config.examples, "examples")
    data: Any = configuration.build(config.data, "data")
    if isinstance(data, LabelledPhotos):
        data.configure_examples(model, examples)
        return data
    degradations = {t: configuration.build(node, f"degradation.{t}") for t, node in config.degradation.items()}
    made: Any = configuration.build(config.self_supervision, "self_supervision")(
        files=data.photos().files, variants=suite(degradations), learner=model, examples=examples
    )
    model.trained_on = made.trained_on
    log.info("This is %s.", made.trained_on["what"])
    log.info("%d photos to train on, %d others to validate.", len(made.training_files), len(made.validation_files))
    return made  # type: ignore[no-any-return]


def recipe(config: DictConfig) -> dict[str, Any]:
    """Return the part of the config that decides what is learned, as plain values."""
    return {key: OmegaConf.to_container(config, resolve=True)[key] for key in RECIPE}  # type: ignore[index,call-overload]


def _checkpoint_to_resume(config: DictConfig, folder: Path) -> Path | None:
    """Return the checkpoint that is asked for, or the one that the same command left in its folder.

    Raises:
        CheckpointError: If it cannot be used, or belongs to another recipe.
    """
    from iqbench.models.checkpoint import read_weights

    own = folder / "checkpoints" / "last.ckpt"
    if config.ckpt_path is not None:
        read_weights(Path(config.ckpt_path), key="ckpt_path")
        return Path(config.ckpt_path)
    if not own.is_file():
        return None
    there, here = _flat(read_weights(own, key="out").recipe), _flat(recipe(config))
    for key in sorted(there.keys() | here.keys()):
        if there.get(key) != here.get(key) and key not in ("examples.workers", "model.checkpoint"):
            raise CheckpointError(
                f"out={folder}: was trained with {key}={there.get(key)}, not {here.get(key)}; "
                "say the same again to go on, or choose another out="
            )
    log.info("going on from %s", own)
    return own


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _quiet() -> None:
    """Keep Lightning from saying what the user cannot change."""
    if os.environ.get("LOCAL_RANK", "0") != "0":  # one process speaks for all
        logging.getLogger().setLevel(logging.ERROR)
    threading.excepthook = _unless_disk  # TensorBoard's writer fails in a thread, and then again where it is said
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch").handlers.clear()
    warnings.filterwarnings("ignore", message=".*LeafSpec")  # Lightning's own call of torch, not ours to mend
    warnings.filterwarnings("ignore", message="The number of training batches")  # an epoch is logged all the same
    warnings.filterwarnings("ignore", message="The dirpath has changed")  # a resumed run has a folder of its own
    warnings.filterwarnings("ignore", message="Found .* module.* in eval mode")  # a frozen backbone is meant to be
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")  # it goes on there


def _unless_disk(failure: threading.ExceptHookArgs) -> None:
    if not issubclass(failure.exc_type, OSError):
        threading.__excepthook__(failure)


if __name__ == "__main__":
    main()
