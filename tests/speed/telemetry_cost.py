"""What telemetry costs a training step: the time inside its callbacks, as a share of all that passes, in one run.

The time is taken inside a training, around each of the callbacks' hooks, since whole trainings with and
without them differ by less than two equal trainings do. The callbacks are those of
conf/callbacks/telemetry.yaml, as often as it says. ``--backbone resnet50 --steps 100 --json FILE``.
"""

import argparse
import json
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
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
"""Steps at the beginning that are not counted."""


class Clock(lightning.Callback):
    """Notes when the steps that count begin and end, and how long other callbacks took meanwhile."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self.start = self.end = 0.0

    def on_train_batch_end(self, trainer: lightning.Trainer, *_: Any) -> None:
        self.end = time.perf_counter()
        if trainer.global_step == WARM_UP:
            self.start = self.end
            self.spent.clear()

    def watch(self, name: str, callback: lightning.Callback) -> lightning.Callback:
        """Return the callback with a clock around each of its hooks."""
        for hook in (word for word in dir(lightning.Callback) if word.startswith("on_")):
            setattr(callback, hook, self._timed(name, getattr(callback, hook)))
        return callback

    def _timed(self, name: str, hook: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return hook(*arguments, **options)
            finally:
                self.spent[name] += time.perf_counter() - start  # type: ignore[assignment]

        return timed


def pairs(count: int, size: int) -> list[Pairs]:
    """Return pairs of random pictures."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (2, count, 3, size, size), dtype=torch.uint8, generator=generator)
    ones = torch.ones(count)
    return [
        Pairs(*row) for row in zip(*pictures, torch.arange(count) % 2 * 1.0, ones, torch.arange(count), strict=True)
    ]


def main() -> None:
    """Train, and print each callback's share."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--batch", type=int, default=8, help="pairs")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    settings = config.compose("train", [f"model.backbone={options.backbone}", "model.weights=none"])
    model = config.build(settings.model, "model")
    clock = Clock()
    telemetry: Any = OmegaConf.load(config.CONF_DIR / "callbacks" / "telemetry.yaml")
    watched = [clock.watch(name, config.build(node, name)) for name, node in telemetry.items()]
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_steps=WARM_UP + options.steps,
            limit_val_batches=0,
            callbacks=[*watched, clock],
            logger=TensorBoardLogger(folder, name="tensorboard", version=0, default_hp_metric=False),
            default_root_dir=folder,
            log_every_n_steps=settings.trainer.log_every_n_steps,
            gradient_clip_val=settings.trainer.gradient_clip_val,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        examples = pairs(8 * options.batch, model.size)
        trainer.fit(model.train(), DataLoader(examples * (options.steps // 8 + 1), batch_size=options.batch))  # type: ignore[arg-type]
    elapsed = clock.end - clock.start
    shares = {name: clock.spent[name] / elapsed for name in telemetry}
    heading = f"{options.backbone}, batches of {options.batch} pairs, {1000 * elapsed / options.steps:.0f} ms a step"
    parts = ", ".join(f"{name} {share:.2%}" for name, share in shares.items())
    Console(width=120).print(f"{heading}: telemetry takes {sum(shares.values()):.2%} ({parts})")
    if options.json:
        results = {"backbone": options.backbone, "step_s": elapsed / options.steps, "shares": shares}
        options.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
