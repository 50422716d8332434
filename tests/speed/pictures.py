"""What the pictures of a photo cost: by a worker's libraries, and by tensor operations beside the network.

Prints milliseconds a photo on one core, or on the device that there is, and their ratio, for each step and for all
pictures from the file to the network's input. Both sides are measured in turn in this one run. Run by ``make speed``;
``ARGS="--photos DIR --large DIR"`` measures your photos.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch
from rich.console import Console
from rich.table import Table

from iqbench import config
from iqbench.datasets.folder import Folder
from iqbench.datasets.samples import Samples
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import suite
from iqbench.inference.image_statistics import image_statistics
from iqbench.inference.tensor_pictures import TensorPictures
from iqbench.inference.tensor_statistics import image_sums
from iqbench.inference.worker import NOTHING_LEFT_OUT, PhotoDataset
from iqbench.interfaces import STANDARD_LIMITS, PhotoFile, Variant
from iqbench.photos import read
from iqbench.preprocessing import Preprocessing

ROUNDS = 5
RULE = Preprocessing("standard", 224)


def milliseconds(work: Callable[[], object], device: torch.device) -> float:
    """Return how long work takes, until the device has done it."""
    start = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return 1000 * (time.perf_counter() - start)


def in_turn(works: Sequence[Callable[[], object]], device: torch.device) -> list[float]:
    """Return the median of each, after one turn to warm up."""
    turns = [[milliseconds(work, device) for work in works] for _ in range(ROUNDS + 1)][1:]
    return [statistics.median(times) for times in zip(*turns, strict=True)]


def measured(file: PhotoFile, variants: Sequence[Variant], device: torch.device) -> dict[str, list[float]]:
    """Return the milliseconds of each step: by the libraries on one core, and by tensor operations on the device."""
    photo = read(file.path).pixels.copy()
    view = RULE.on_tensors
    assert view is not None
    made = TensorPictures(view, device, most_pixels=STANDARD_LIMITS.max_pixels)
    together = 1 if device.type == "cpu" else max(1, made.pixels_together // (photo.shape[0] * photo.shape[1]))
    original = torch.from_numpy(photo).to(device).permute(2, 0, 1).contiguous()
    originals = torch.stack([original] * together)
    steps: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {}
    for type_ in dict.fromkeys(variant.type for variant in variants):
        own = [variant for variant in variants if variant.type == type_]
        copies = partial(lambda own: [variant.apply(photo) for variant in own], own)
        steps[type_] = copies, partial(lambda own: list(made.pictures(originals, own)), own)
    steps["statistics"] = lambda: image_statistics(photo), lambda: image_sums([originals])
    steps["view"] = lambda: RULE(photo), lambda: view(originals)
    alone, decoding = (
        PhotoDataset([file], variants, RULE, (), left) for left in (NOTHING_LEFT_OUT, made.left_out(variants))
    )
    decoded = [decoding[0]] * together
    steps["all but decoding"] = lambda: alone[0], lambda: made.completed(decoded, variants)
    found = {}
    for name, works in steps.items():
        by_library, by_tensors = in_turn(works, device)
        found[name] = [by_library, by_tensors / together]
    decode = in_turn([lambda: decoding[0]], device)[0]
    found["all but decoding"][0] -= decode
    return {"decode": [decode, decode], **found}


def main() -> None:
    """Measure a small and a large photo, and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", help="a folder; the sample photos if there is none")
    parser.add_argument("--large", help="a folder of photos of many megapixels; left out if there is none")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options, _ = parser.parse_known_args()
    torch.set_num_threads(1)
    device, console = torch.device(options.device), Console(width=120)
    degradations = config.compose("bench", []).degradation
    variants = [*suite({kind: config.build(node, kind) for kind, node in degradations.items()}), *controls()]
    sources = {"small": Folder(options.photos, 1, 0) if options.photos else Samples(1, 0)}
    if options.large:
        sources["large"] = Folder(options.large, 1, 0)
    for name, source in sources.items():
        [file] = source.photos().files
        table = Table("ms a photo", "libraries, one core", f"tensors, {device}", "ratio", title=f"{name}: {file.name}")
        for step, (by_library, by_tensors) in measured(file, variants, device).items():
            table.add_row(step, f"{by_library:.3g}", f"{by_tensors:.3g}", f"{by_library / by_tensors:.3g}")
        console.print(table)


if __name__ == "__main__":
    main()
