"""What telemetry costs a training step, as a ratio to the step without it, both measured in this one run.

Three kinds of short training take turns: without telemetry; with it, but between two measurements; and
with a measurement at every step. The share is what is left when one step in ``every_n_steps`` is
measured, as conf/callbacks/telemetry.yaml has it. ``--backbone resnet50 --rounds 3 --steps 4 --json FILE``.
"""

import argparse
import json
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import OmegaConf
from rich.console import Console
from torch.utils.data import DataLoader

from iqbench import config
from iqbench.interfaces import Pairs

WARM_UP = 2
"""Steps at the beginning of each training that are not counted."""


class Stopwatch(lightning.Callback):
    """Notes when each batch ends, after all other callbacks."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:
        self.ends.append(time.perf_counter())


def pairs(count: int, size: int) -> list[Pairs]:
    """Return pairs of random pictures."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (2, count, 3, size, size), dtype=torch.uint8, generator=generator)
    ones = torch.ones(count)
    return [
        Pairs(*row) for row in zip(*pictures, torch.arange(count) % 2 * 1.0, ones, torch.arange(count), strict=True)
    ]


def telemetry(every_n_steps: int) -> list[lightning.Callback]:
    """Return the callbacks of conf/callbacks/telemetry.yaml, measuring so often."""
    node = OmegaConf.load(config.CONF_DIR / "callbacks" / "telemetry.yaml")
    for one in node.values():
        if "every_n_steps" in one:
            one.every_n_steps = every_n_steps
    return [config.build(one, str(name)) for name, one in node.items()]


def step_times(
    model: lightning.LightningModule, examples: list[Pairs], batch: int, steps: int, every: int | None
) -> list[float]:
    """Return the seconds that each step takes; ``every`` None is without telemetry."""
    stopwatch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=WARM_UP + steps,
            limit_val_batches=0,
            callbacks=[*(telemetry(every) if every else []), stopwatch],
            logger=TensorBoardLogger(folder, name="tensorboard", version=0, default_hp_metric=False),
            default_root_dir=folder,
            log_every_n_steps=5,
            gradient_clip_val=1.0,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(model.train(), DataLoader(examples, batch_size=batch))  # type: ignore[arg-type]
    return [
        after - before for before, after in zip(stopwatch.ends[WARM_UP - 1 :], stopwatch.ends[WARM_UP:], strict=False)
    ]


def main() -> None:
    """Measure in turns, and print the ratios of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--batch", type=int, default=8, help="pairs")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6, help="of each training")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    node = config.compose("train", [f"model.backbone={options.backbone}", "model.weights=none"]).model
    model = config.build(node, "model")
    configured = OmegaConf.load(config.CONF_DIR / "callbacks" / "telemetry.yaml").gradients.every_n_steps
    examples = pairs(options.batch * (WARM_UP + options.steps), model.size)
    kinds: dict[str, int | None] = {"without": None, "between": 10**9, "each": 1}
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(options.rounds):
        for kind, every in kinds.items():
            times[kind] += step_times(model, examples, options.batch, options.steps, every)
    median = {kind: statistics.median(values) for kind, values in times.items()}
    between, each = (median[kind] / median["without"] for kind in ("between", "each"))
    share = between - 1 + (each - between) / configured
    Console().print(
        f"{options.backbone}, {options.batch} pairs: {1000 * median['without']:.0f} ms a step; with telemetry "
        f"{between:.4f}x between measurements, {each:.4f}x at one; {share:+.2%} at one in {configured} steps"
    )
    if options.json:
        results = {"backbone": options.backbone, "median_s": median, "every_n_steps": configured, "share": share}
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
