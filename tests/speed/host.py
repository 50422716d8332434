"""What the Python around a network costs: pictures a second that one thread serves, whatever the device.

A network that does nothing judges prepared photos that are in memory already, in batches of 256, and the rows go into a
store. What is left is batching, margins, rows and writing, so the rate is the most that any device can be fed with.
Run by ``make speed``.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from iqbench import config
from iqbench.benchmark.pairs import PairScorer, ScoredPhoto
from iqbench.benchmark.task import BenchmarkTask
from iqbench.datasets.samples import Samples
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import suite
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.worker import PhotoDataset
from iqbench.interfaces import Photo
from iqbench.results.schema import PhotoRow, VariantRow
from iqbench.results.store import Store

PHOTOS = 400
ROUNDS = 3


class Idle(nn.Module):
    """A scorer on pictures of one pixel: what it costs is what surrounds it."""

    thread_safe = True

    def prepare(self, photo: Photo) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(photo[:1, :1])).movedim(-1, 0)

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs[:, 0, 0].float()

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        return (first - second)[:, 0]


def task() -> BenchmarkTask:
    """Return the standard suite with its controls on one photo."""
    engine = replace(EngineConfig.for_api("cpu", batch_size=256, workers=0), inference_threads=1)
    degradations = config.compose("bench", []).degradation
    variants = [*suite({kind: config.build(node, kind) for kind, node in degradations.items()}), *controls()]
    return BenchmarkTask(Idle().eval(), Samples(1, 0).photos().files, variants, engine)


def seconds(work: BenchmarkTask, receive: Callable[[ScoredPhoto], None]) -> float:
    """Return the shortest time to score all photos."""
    prepared = PhotoDataset(work.files, work.variants, work.model)[0]
    photos = [replace(prepared, record=replace(prepared.record, name=f"{number}.jpg")) for number in range(PHOTOS)]
    times = []
    for _ in range(ROUNDS):
        scorer, start = PairScorer(work), time.perf_counter()
        with scorer.batcher:
            for photo in photos:
                for scored in scorer.put(photo):
                    receive(scored)
            for scored in scorer.finish():
                receive(scored)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure with and without the store, and print the rates."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_known_args()
    torch.set_num_threads(1)
    work = task()
    rows = [VariantRow.of(at, variant, "") for at, variant in enumerate(work.variants)]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), {}, {}, rows)
        without = seconds(work, lambda scored: None)
        stored = seconds(work, lambda scored: store.write(PhotoRow.of(scored.record, False), scored.pairs))
        store.close()
    pictures = PHOTOS * (len(work.variants) + 1)
    table = Table("Python around the network", "ms a photo", "pictures/s")
    for name, taken in (("batches, margins, rows", without), ("and the store", stored)):
        table.add_row(name, f"{1000 * taken / PHOTOS:.3g}", f"{pictures / taken:,.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
