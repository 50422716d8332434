"""Are the pictures made of tensors those of the libraries, to the byte? Over all photos of some folders, and all rules.

``python tests/proof/exact_pictures.py DIR DIR ...`` makes the standard suite and the controls of each photo in a
worker, as a benchmark does, and beside the network, and prepares each by every rule that has a form for tensors. It
compares the inputs, the image statistics and the change at the input, and prints what differs: nothing is to. The
device is the GPU if there is one, else the CPU; ``--device`` names another. Exits with 1 if anything differs.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from jaxtyping import UInt8
from rich.console import Console
from torch import Tensor

from iqbench import config
from iqbench.datasets.folder import Folder
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import suite
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.tensor_pictures import TensorPictures, different_positions
from iqbench.inference.worker import NOTHING_LEFT_OUT, PhotoDataset
from iqbench.inference.worker_pool import WorkerPool
from iqbench.interfaces import Photo
from iqbench.preprocessing import Preprocessing, TensorRule
from iqbench.progress import track


@dataclass(frozen=True)
class EveryRule:
    """Prepares photos by all rules, one after the other."""

    rules: Sequence[Preprocessing]

    def prepare(self, photo: Photo) -> UInt8[Tensor, "values"]:
        """Return what a network would see by each rule."""
        return torch.cat([rule(photo).flatten() for rule in self.rules])

    def on_tensors(self, photos: UInt8[Tensor, "n 3 height width"]) -> UInt8[Tensor, "n values"]:
        """Return the same of tensors."""
        views = [view(photos) for rule in self.rules if (view := rule.on_tensors) is not None]
        return torch.cat([view.flatten(1) for view in views], dim=1)


def main() -> None:
    """Compare, print what differs and how much was compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", help="folders of photos")
    parser.add_argument("--limit", type=int, help="photos of each folder; all if there is none")
    parser.add_argument("--size", type=int, default=224, help="side of the network's input in pixels")
    parser.add_argument("--device", default="auto", help="cpu, cuda, ...")
    options = parser.parse_args()
    device, console = EngineConfig.for_api(options.device, 1, 1).torch_device, Console(width=120)
    degradations = config.compose("bench", []).degradation
    variants = [*suite({kind: config.build(node, kind) for kind, node in degradations.items()}), *controls()]
    rules = EveryRule([Preprocessing(rule, options.size) for rule in get_args(TensorRule)])
    made = TensorPictures(rules.on_tensors, device, sys.maxsize)
    photos = pictures = compared = differing = 0
    for folder in options.folders:
        files = list(Folder(folder, options.limit, 0).photos().files)
        datasets = [
            PhotoDataset(files, variants, rules, (), left) for left in (NOTHING_LEFT_OUT, made.left_out(variants))
        ]  # type: ignore[arg-type]
        both = zip(*(WorkerPool(1, 600).in_order(dataset) for dataset in datasets), strict=True)
        for expected, decoded in track(both, folder, len(files)):
            [found] = made.completed([decoded], variants)
            wrong = different_positions(expected, found)
            photos, differing = photos + 1, differing + len(wrong)
            pictures += sum(len(stack.positions) for stack in expected.stacks)
            compared += sum(stack.pictures.nbytes for stack in expected.stacks)
            if wrong:
                console.print(f"{expected.record.name}: {len(wrong)} pictures differ, at the positions {wrong}")
    console.print(
        f"{photos} photos on {device}: {pictures:,} pictures x {len(rules.rules)} rules, {compared:,} bytes of inputs, "
        f"{differing} pictures differ (torch {torch.__version__})"
    )
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
