"""How fast the benchmark is, as ratios to the plain way of doing it, both measured in this one run.

The plain way saves every variant as a JPEG, then opens both files of every pair again and judges one
picture at a time. Run by ``make speed``; ``ARGS="--photos DIR --limit 6 --json FILE"``.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import torch
from rich.console import Console
from rich.table import Table

from iqbench import config, photos
from iqbench.benchmark.engine import answers
from iqbench.benchmark.settings import Settings
from iqbench.data.folder import Folder
from iqbench.data.samples import Samples
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import suite
from iqbench.interfaces import PhotoFile, QualityModel, Variant

MODELS = {
    "iqa": ["model=iqa"],
    "siamese (Lite0)": ["model=siamese"],
    "ava (ResNet-50)": [
        "model=ava",
        "model.backbone=resnet50",
        "model.weights=none",
        "model.checkpoint=untrained",
    ],
}


def plain(model: QualityModel, files: Sequence[PhotoFile], variants: Sequence[Variant]) -> None:
    """Judge every pair the plain way."""
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        pairs = []
        for file in files:
            pixels = photos.read(file.path).pixels
            for number, variant in enumerate(variants):
                path = Path(folder) / f"{len(pairs)}_{number}.jpg"
                cv2.imwrite(str(path), cv2.cvtColor(variant.apply(pixels), cv2.COLOR_RGB2BGR))
                pairs.append((file.path, path))
        for original, degraded in pairs:
            first, second = (
                model.encode(model.prepare(photos.read(path).pixels).unsqueeze(0)) for path in (original, degraded)
            )
            model.margin(first, second)


def engine(model: QualityModel, files: Sequence[PhotoFile], variants: Sequence[Variant]) -> None:
    """Judge every pair as `iqbench.bench` does, controls included."""
    settings = Settings(device="cpu", precision="fp32", batch_size=8, workers="auto")
    for _ in answers(model, files, [*variants, *controls()], settings):
        pass


def seconds(work: Callable[[], None]) -> float:
    """Return how long ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Measure in turns, and print the medians of the pairwise ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", help="a folder; the sample photos if there is none")
    parser.add_argument("--limit", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    source = Folder(options.photos, options.limit, 0) if options.photos else Samples(options.limit, 0)
    files = source.photos().files
    degradations = config.compose("bench", []).degradation
    variants = suite({type_: config.build(node, type_) for type_, node in degradations.items()})
    table = Table("model", "pairs/s plain", "pairs/s iqbench", "ratio", title=f"{len(files)} photos, CPU, fp32")
    results = []
    for name, overrides in MODELS.items():
        model = config.build(config.compose("bench", overrides).model, "model")
        if isinstance(model, torch.nn.Module):
            model.eval()
        engine(model, files[:1], variants)  # warm up
        times = [
            (seconds(lambda m=model: plain(m, files, variants)), seconds(lambda m=model: engine(m, files, variants)))
            for _ in range(options.rounds)
        ]
        pairs = len(files) * len(variants)
        slow, fast = (pairs / statistics.median(column) for column in zip(*times, strict=True))
        ratio = statistics.median(before / after for before, after in times)
        table.add_row(name, f"{slow:.1f}", f"{fast:.1f}", f"{ratio:.1f}x")
        results.append({"model": name, "plain_pairs_per_s": slow, "iqbench_pairs_per_s": fast, "ratio": ratio})
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps({"photos": len(files), "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
