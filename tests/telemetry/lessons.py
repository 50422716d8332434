"""A training with callbacks, small enough for a test."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import pandas as pd
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader

from iqbench.callbacks.history import history
from schooling import pairs, votes

TRICKY = ["NA.jpg", "None", "./a|b.jpg", "1.0", "nan", "./ä.jpg", "`", "true"]
"""Names that a table may take for something else."""


class Lesson(lightning.LightningDataModule):
    """The same examples to learn from and to validate with, and what they are called."""

    def __init__(self, examples: Sequence[Any], names: pd.DataFrame | None = None, batch_size: int = 4) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.validation_examples = examples
        self.validation_names = names

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self.validation_examples, batch_size=self.batch_size)  # type: ignore[arg-type]

    def val_dataloader(self) -> DataLoader[Any]:
        return self.train_dataloader()


def pair_lesson() -> Lesson:
    """Eight pairs, of the odd ones the first is better."""
    names = pd.DataFrame({"first": TRICKY, "second": [f"./{at}.jpg" for at in range(8)], "series": range(8)})
    return Lesson(pairs(8), names)


def vote_lesson() -> Lesson:
    """Eight photos that are rated 1 to 8."""
    return Lesson(votes(8), pd.DataFrame({"photo": TRICKY}))


def learn(
    folder: Path,
    model: lightning.LightningModule,
    lesson: Any,
    *callbacks: lightning.Callback,
    call: str = "fit",
    ckpt_path: Path | None = None,
    **options: Any,
) -> lightning.Trainer:
    """Train on the CPU, log every step to TensorBoard, and return the trainer."""
    trainer = lightning.Trainer(
        **{
            "accelerator": "cpu",
            "devices": 1,
            "max_epochs": 1,
            "logger": TensorBoardLogger(folder, name="tensorboard", version=0, default_hp_metric=False),
            "log_every_n_steps": 1,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "default_root_dir": folder,
            "callbacks": list(callbacks),
            **options,
        }
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec")  # Lightning's own call of torch
        warnings.filterwarnings("ignore", message=".*have no `val_dataloader`")  # not all need one
        warnings.filterwarnings("ignore", message=r".*module\(s\) in eval mode")  # as schooling makes the judges
        warnings.filterwarnings("ignore", message="Checkpoint directory .* exists")  # a resumed run's
        getattr(trainer, call)(model, lesson, ckpt_path=ckpt_path)
    return trainer


def logged(folder: Path, tag: str) -> dict[int, float]:
    """Return the values of a tag by step."""
    table = history(folder)
    table = table[table["tag"] == tag]
    return dict(zip(table["step"], table["value"], strict=True))
