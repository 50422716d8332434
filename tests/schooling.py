"""Judges small enough to build and train within a test, and a Lightning fit without its chatter."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning
import torch
from torch.utils.data import DataLoader

from iqbench.interfaces import Pairs, Votes
from iqbench.models.ava import Ava
from iqbench.models.siamese import Siamese

SIZE = 32
SGD = {"name": "SGD", "lr": 0.1, "backbone_lr": 0.01}
SHARED = {"backbone": "tiny", "weights": "none", "frozen": False, "preprocessing": "squash", "size": SIZE}


def siamese(seed: int = 0, **settings: Any) -> Siamese:
    torch.manual_seed(seed)
    return Siamese(**{"head_width": 8, "dropout": 0.0, "optimizer": SGD, **SHARED, **settings}).eval()


def ava(seed: int = 0, **settings: Any) -> Ava:
    torch.manual_seed(seed)
    options = {"output": "distribution", "head_width": 8, "dropout": 0.0, "optimizer": SGD}
    return Ava(**{**options, **SHARED, **settings}).eval()


def pictures(count: int, seed: int = 0, size: int = SIZE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)


def pairs(count: int) -> list[Pairs]:
    """Pairs of noise, preferred in turn."""
    both = zip(pictures(count, seed=1), pictures(count, seed=2), strict=True)
    return [Pairs(first, second, torch.tensor(float(at % 2))) for at, (first, second) in enumerate(both)]


def votes(count: int) -> list[Votes]:
    """Pictures of noise that everyone gives the same rating, another one for each."""
    return [Votes(picture, torch.eye(10)[at % 10]) for at, picture in enumerate(pictures(count))]


def fit(
    model: lightning.LightningModule,
    examples: Sequence[Any],
    folder: Path,
    validation: Sequence[Any] = (),
    batch_size: int = 4,
    seed: int = 0,
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
        trainer.fit(model.train(), train, DataLoader(list(validation), batch_size=batch_size) if validation else None)
    model.eval()
    return trainer
