"""Judges small enough to build and train within a test, and a Lightning fit without its chatter."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from torch.utils.data import DataLoader

from iqbench.datasets.examples import Examples
from iqbench.interfaces import Pairs, Votes
from iqbench.models.ava import Ava
from iqbench.models.siamese import Siamese

SIZE = 32
SGD = {"name": "SGD", "lr": 0.1, "backbone_lr": 0.01, "layer_decay": 1.0}
CONSTANT = {"name": "constant", "warmup": 0.0, "floor": 0.0, "factor": 0.3, "patience": 2}
SHARED = {
    "backbone": "tiny",
    "weights": "none",
    "frozen": False,
    "unfreeze_every": None,
    "batch_statistics": "auto",
    "preprocessing": "squash",
    "size": SIZE,
    "schedule": CONSTANT,
}


def siamese(seed: int = 0, **settings: Any) -> Siamese:
    torch.manual_seed(seed)
    options = {"losses": {"pairs": "bradley_terry"}, "head_width": 8, "dropout": 0.0, "optimizer": SGD}
    return Siamese(**{**options, **SHARED, **settings}).eval()


def ava(seed: int = 0, **settings: Any) -> Ava:
    torch.manual_seed(seed)
    options = {"output": "distribution", "head_width": 8, "dropout": 0.0, "optimizer": SGD}
    options["losses"] = {"votes": "emd", "pairs": "bradley_terry"}
    return Ava(**{**options, **SHARED, **settings}).eval()


def pictures(count: int, seed: int = 0, size: int = SIZE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)


def pairs(count: int) -> list[Pairs]:
    """Pairs of noise, preferred in turn."""
    both = zip(pictures(count, seed=1), pictures(count, seed=2), strict=True)
    one = torch.tensor(1.0)
    return [
        Pairs(first, second, torch.tensor(float(at % 2)), one, torch.tensor(at))
        for at, (first, second) in enumerate(both)
    ]


def votes(count: int) -> list[Votes]:
    """Pictures of noise that everyone gives the same rating, another one for each."""
    one = torch.tensor(1.0)
    return [Votes(picture, torch.eye(10)[at % 10], one, torch.tensor(at)) for at, picture in enumerate(pictures(count))]


def examples(**settings: Any) -> Examples:
    options: dict[str, Any] = {"batch_size": 4, "workers": 0, "labels": "auto", "targets": "soft"}
    options |= {"label_smoothing": 0.0, "sampling": "shuffled", "pairs_per_photo": 4, "min_difference": 0.5}
    options |= {"augmentation": {"flip": 0.0, "keep": 1.0}, "overfit": None, "seed": 0}
    return Examples(**{**options, **settings})


def fit(
    model: lightning.LightningModule,
    examples: Sequence[Any],
    folder: Path,
    validation: Sequence[Any] = (),
    batch_size: int = 4,
    seed: int = 0,
    ckpt_path: Path | None = None,
    **options: Any,
) -> lightning.Trainer:
    """Train on the CPU, in a repeatable order, and return the trainer."""
    torch.manual_seed(seed)
    trainer = lightning.Trainer(
        **{
            "accelerator": "cpu",
            "devices": 1,
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "num_sanity_val_steps": 0,
            "default_root_dir": folder,
            **options,
        }
    )
    train = DataLoader(list(examples), batch_size=batch_size, shuffle=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*LeafSpec")  # Lightning's own call of torch
        warnings.filterwarnings("ignore", message=".*does not have many workers")  # none are wanted
        warnings.filterwarnings("ignore", message=".*have no `val_dataloader`")  # nor is validation, always
        warnings.filterwarnings("ignore", message=r".*module\(s\) in eval mode")  # a frozen backbone is
        warnings.filterwarnings("ignore", message=".*dataloader is not resumable")  # it is a plain one here
        validating = DataLoader(list(validation), batch_size=batch_size) if validation else None
        trainer.fit(model.train(), train, validating, ckpt_path=ckpt_path, weights_only=True)
    model.eval()
    return trainer
