"""The plain way of benchmarking, against which iqbench's speed is measured: as anybody would write it first.

Every variant is saved as a JPEG; then both files of every pair are opened again, for each model, and judged
one picture at a time, in full precision. The rules are written as their formulas read. It runs in a process
of its own, as it would: ``python tests/speed/plain.py '["model=iqa"]' FILE FILE ...`` prints pairs per second.
"""

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import timm
import torch
from PIL import Image
from torch import nn
from torchvision import transforms

from iqbench import config
from iqbench.degradations.ladder import suite
from iqbench.interfaces import Photo, Variant

Pair = tuple[Path, Path]


def degraded(files: Sequence[Path], variants: Sequence[Variant], folder: Path) -> Iterator[Pair]:
    """Save each variant of each photo, and yield both files."""
    for number, file in enumerate(files):
        photo = opened(file)
        for index, variant in enumerate(variants):
            path = folder / f"{number}_{index}.jpg"
            cv2.imwrite(str(path), cv2.cvtColor(variant.apply(photo), cv2.COLOR_RGB2BGR))
            yield file, path


def opened(path: Path) -> Photo:
    """Open a photo."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def score(photo: Photo) -> float:
    """Return the rule-based score, term by term, in floating point."""
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    sharp = cv2.Laplacian(grey, cv2.CV_64F).var() / 1000
    share = np.bincount(grey.ravel(), minlength=256) / grey.size
    nonzero = share[share > 0]
    exposed = 0.5 * (1 - share[0] - share[255]) - 0.5 * (nonzero * np.log(nonzero)).sum() / math.log(256)
    red, green, blue = (photo[..., channel].astype(float) for channel in range(3))
    rg, yb = red - green, 0.5 * (red + green) - blue
    colour = (math.hypot(rg.std(), yb.std()) + 0.3 * math.hypot(rg.mean(), yb.mean())) / 100
    contrast = grey.std() / max(grey.mean(), 1e-9) / 0.8
    return float(0.4 * min(sharp, 1) + 0.3 * exposed + 0.2 * min(colour, 1) + 0.1 * min(contrast, 1))


def judge_by_rules(pairs: Sequence[Pair]) -> None:
    """Score both photos of each pair."""
    for original, copy in pairs:
        _ = score(opened(original)) - score(opened(copy))


def network_judge(backbone: str, size: int) -> Callable[[Sequence[Pair]], None]:
    """Return what sends both photos of each pair through a network, one by one; its weights do not matter."""
    net = timm.create_model(backbone, pretrained=False, num_classes=0).eval()
    head = nn.Linear(net.num_features, 1)
    steps = (transforms.Resize(size * 8 // 7), transforms.CenterCrop(size), transforms.ToTensor())
    see = transforms.Compose([*steps, transforms.Normalize(net.pretrained_cfg["mean"], net.pretrained_cfg["std"])])

    @torch.inference_mode()
    def judge(pairs: Sequence[Pair]) -> None:
        for original, copy in pairs:
            first, second = (net(see(Image.open(path).convert("RGB")).unsqueeze(0)) for path in (original, copy))
            head(first - second)

    return judge


def main() -> None:
    """Judge every pair of the files given, and print how many a second."""
    overrides, files = json.loads(sys.argv[1]), [Path(name) for name in sys.argv[2:]]
    composed = config.compose("bench", overrides)
    variants = suite({type_: config.build(node, type_) for type_, node in composed.degradation.items()})
    model = composed.model
    judge = network_judge(model.backbone, model.size) if "backbone" in model else judge_by_rules
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        pairs = list(degraded(files, variants, Path(folder)))
        judge(pairs)
        sys.stdout.write(f"{len(pairs) / (time.perf_counter() - start)}\n")


if __name__ == "__main__":
    main()
