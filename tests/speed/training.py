"""What a training step costs, and what its options change: a fused optimiser, a compiled backbone, lower precision.

Prints milliseconds a step on this machine's device with the share of each part, and ratios to the plain step, all in
one run. Where the operations of a step are many and their time short, their start is what bounds it: a GPU needs 5 to
10 microseconds to start one. ``--backbone resnet50 --batch 8`` are the settings to compare a GPU with. Run by
``make speed``.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from iqbench import config
from iqbench.interfaces import Pairs
from iqbench.models.optimization import make_optimizer

STEPS = 5
PARTS = ("forward", "backward", "optimiser")


class Step:
    """One training step of siamese on pairs that lie on the device already.

    Args:
        options: The settings of the command line.
        fused: Whether one operation updates all weights.
        compiled: Whether the backbone is compiled.
        precision: The type of the operations that may be less exact.
    """

    def __init__(self, options: argparse.Namespace, fused: bool, compiled: bool, precision: torch.dtype) -> None:
        changes = [f"model.backbone={options.backbone}", "model.weights=none"]
        self.device, self.precision = torch.device(options.device), precision
        self.model: Any = config.build(config.compose("train", changes).model, "model").train().to(self.device)
        if compiled:
            self.model.backbone.compile()
        settings = {**self.model.optimizer_settings, "fused": fused}
        head = [weight for name, weight in self.model.named_parameters() if not name.startswith("backbone.")]
        self.optimizer = make_optimizer(settings, head, self.model.backbone.stages())
        size, count = self.model.size, options.batch
        generator = torch.Generator().manual_seed(0)
        pictures = torch.randint(0, 256, (2, count, 3, size, size), dtype=torch.uint8, generator=generator)
        ones = torch.ones(count)
        labels = torch.arange(count) % 2 * 1.0, ones, torch.arange(count)
        self.batch = Pairs(*(each.to(self.device) for each in (*pictures, *labels)))

    def parts(self) -> list[Callable[[], None]]:
        """Return the parts of a step, to be called one after the other."""
        return [self._forward, self._backward, self._update]

    def _forward(self) -> None:
        lower = self.precision is not torch.float32
        context: AbstractContextManager[Any] = (
            torch.autocast(self.device.type, self.precision) if lower else nullcontext()
        )
        with context:
            losses, _, _ = self.model.answer(self.batch)
            self.loss = (losses * self.batch.weight).mean()

    def _backward(self) -> None:
        self.loss.backward()

    def _update(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()

    def seconds(self) -> list[float]:
        """Return the time of each part, the mean of some steps after one that warms up."""
        spent = [0.0] * len(PARTS)
        for number in range(STEPS + 1):
            for at, part in enumerate(self.parts()):
                start = time.perf_counter()
                part()
                if self.device.type == "cuda":
                    torch.cuda.synchronize(self.device)
                spent[at] += (time.perf_counter() - start) * (number > 0)
        return [each / STEPS for each in spent]

    def operations(self) -> int:
        """Return the number of operations of a step."""
        with profile(activities=[ProfilerActivity.CPU]) as profiled:
            for part in self.parts():
                part()
        return sum(event.count for event in profiled.key_averages() if event.self_cpu_time_total and "::" in event.key)


def main() -> None:
    """Measure each option, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="tf_efficientnet_lite0")
    parser.add_argument("--batch", type=int, default=8, help="pairs")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options, _ = parser.parse_known_args()
    full, low = torch.float32, torch.bfloat16
    variants = {"as it is": (False, False, full), "fused": (True, False, full), "compiled": (False, True, full)}
    if options.device.startswith("cuda"):
        variants |= {"bf16": (False, False, low), "bf16, fused, compiled": (True, True, low)}
    title = f"{options.backbone}, batches of {options.batch} pairs, {options.device}"
    table = Table("a training step", "ms", "ratio", *PARTS)
    first = 0.0
    for name, (fused, compiled, precision) in variants.items():
        step = Step(options, fused, compiled, precision)
        if name == "as it is":
            title += f": {step.operations():,} operations a step"
        spent = step.seconds()
        first = first or sum(spent)
        shares = [f"{part / sum(spent):.0%}" for part in spent]
        table.add_row(name, f"{1000 * sum(spent):.4g}", f"{first / sum(spent):.2f}", *shares)
    table.title = title
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
