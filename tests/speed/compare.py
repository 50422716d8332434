"""How fast the benchmark is, as ratios, both sides of each measured in turn in this one run.

Against the plain way (`plain`), against the bare forward pass of the same network, 500 photos against 50, and
where the time goes. Run by ``make speed``; ``ARGS="--photos DIR --large DIR --json FILE"`` measures your photos.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))

from growth import growth

from iqbench import config
from iqbench.benchmark.batching import encode_batch, lanes
from iqbench.benchmark.engine import answers
from iqbench.benchmark.facts import facts
from iqbench.benchmark.fitting import fitted, slowness, split
from iqbench.benchmark.settings import Settings
from iqbench.benchmark.workshop import Workshop
from iqbench.data.folder import Folder
from iqbench.data.samples import Samples
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import suite
from iqbench.interfaces import PhotoFile, QualityModel, Variant
from iqbench.photos import read

RESNET = ("model.backbone=resnet50", "model.weights=none", "model.checkpoint=untrained")


BARE_BATCHES = 60


class Candidate:
    """A model with its settings, ready to judge."""

    def __init__(self, overrides: Sequence[str], variants: Sequence[Variant]) -> None:
        composed = config.compose("bench", list(overrides))
        self.variants = [*variants, *controls()]
        settings: Settings = config.build(composed.engine, "engine")
        self.model: QualityModel = settings.place(config.build(composed.model, "model"))
        start = time.perf_counter()
        self.settings = fitted(settings, self.model)
        self.fitting = time.perf_counter() - start

    def run(self, files: Sequence[PhotoFile]) -> None:
        """Judge every pair as `iqbench.bench` does, controls included."""

        def preparing(some: Sequence[PhotoFile]) -> Workshop:
            return Workshop(some, self.variants, self.model)

        settings = split(self.settings, self.model, files, preparing, len(self.variants) + 1)
        for _ in answers(self.model, files, self.variants, settings):
            pass


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def against_plain(
    name: str, overrides: Sequence[str], files: Sequence[PhotoFile], many: int, rounds: int, variants: Sequence[Variant]
) -> dict[str, Any]:
    """Return pairs per second of both ways, in turns: the plain one on ``files``, iqbench on ``many`` of them."""
    candidate = Candidate(overrides, variants)
    simple = json.dumps([one for one in overrides if not one.startswith("engine.")])
    plain = [sys.executable, str(Path(__file__).with_name("plain.py")), simple, *(str(file.path) for file in files)]
    more = list(islice(cycle(files), many))
    candidate.run(more[:2])  # warm up
    slow, fast = [], []
    for _ in range(rounds):
        slow.append(float(subprocess.run(plain, check=True, capture_output=True, text=True).stdout))
        fast.append(len(more) * len(variants) / seconds(lambda: candidate.run(more)))
    ratio = statistics.median(quick / steady for quick, steady in zip(fast, slow, strict=True))
    pairs_50 = 50 * len(variants)
    with_compiling = pairs_50 / (pairs_50 / statistics.median(fast) + candidate.fitting)
    found = {"what": name, "plain_pairs_per_s": statistics.median(slow), "iqbench_pairs_per_s": statistics.median(fast)}
    found |= {"ratio": ratio}
    if candidate.settings.compile:
        found |= {"ratio_50_photos_compiling_counted": with_compiling / statistics.median(slow)}
        found |= {"compiling_s": candidate.fitting}
    return found


def against_bare(
    name: str, overrides: Sequence[str], files: Sequence[PhotoFile], rounds: int, variants: Sequence[Variant]
) -> dict[str, Any]:
    """Return the share of the bare forward pass's pictures per second that is reached from file to margin."""
    candidate = Candidate(overrides, variants)
    settings, size = candidate.settings, int(candidate.settings.batch_size)
    picture = candidate.model.prepare(read(files[0].path).pixels)
    batch, encode = torch.stack([picture] * size), settings.encoder(candidate.model)
    pictures = len(files) * (len(candidate.variants) + 1)
    candidate.run(files[:2])
    shares, pool = [], lanes(settings)

    def bare_pass() -> None:
        work = [pool.submit(encode_batch, encode, batch, settings.torch_device, settings) for _ in range(BARE_BATCHES)]
        for one in work:
            one.result()

    bare_pass()
    for _ in range(rounds):
        whole = pictures / seconds(lambda: candidate.run(files))
        bare = size * BARE_BATCHES / seconds(bare_pass)
        shares.append((whole / bare, whole, bare))
    share, whole, bare = sorted(shares)[len(shares) // 2]
    return {"what": name, "share": share, "pictures_per_s": whole, "bare_pictures_per_s": bare}


def profile(overrides: Sequence[str], files: Sequence[PhotoFile], variants: Sequence[Variant]) -> dict[str, float]:
    """Return the milliseconds of one core that each step takes a photo, one step after the other."""
    candidate, spent = Candidate(overrides, variants), Counter[str]()
    settings = replace(candidate.settings, workers=0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for file in files:
        start = time.perf_counter()
        pixels = read(file.path).pixels
        spent["decode"] += time.perf_counter() - start
        pictures = [pixels]
        for variant in candidate.variants:
            start = time.perf_counter()
            pictures.append(variant.apply(pixels))
            spent[f"degrade: {variant.type}"] += time.perf_counter() - start
        for step, work in (("plain facts", facts), ("prepare", candidate.model.prepare)):
            start = time.perf_counter()
            made = [work(one) for one in pictures]  # type: ignore[operator]
            spent[step] += time.perf_counter() - start
    batch = torch.stack(made[: int(settings.batch_size)])
    torch.set_num_threads(threads)
    encode = candidate.model.encode
    encode_batch(encode, batch, settings.torch_device, settings)
    each = seconds(lambda: encode_batch(encode, batch, settings.torch_device, settings)) / len(batch)
    found = {step: 1000 * total / len(files) for step, total in spent.items()}
    return found | {f"encode (with {threads} threads)": 1000 * each * len(pictures) * threads}


def shown(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    """Return a table of results; numbers with three digits."""
    table = Table(*rows[0], title=title, title_justify="left")
    for row in rows:
        table.add_row(*(one if isinstance(one, str) else f"{one:.3g}" for one in row.values()))
    return table


def main() -> None:
    """Measure in turns, and print the medians of the ratios as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", help="a folder; the sample photos if there is none")
    parser.add_argument("--large", help="a folder of photos of many megapixels; left out if there is none")
    parser.add_argument("--limit", type=int, default=3, help="photos that the plain way judges")
    parser.add_argument("--many", type=int, default=12, help="photos that networks judge")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only the rules and Lite0, nothing compiled, no growth")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    console = Console(width=120)
    degradations = config.compose("bench", []).degradation
    variants = suite({type_: config.build(node, type_) for type_, node in degradations.items()})
    source = Folder(options.photos, options.limit, 0) if options.photos else Samples(options.limit, 0)
    files = source.photos().files
    measured: dict[str, Any] = {"photos": options.photos or "samples", "torch": torch.__version__}
    measured |= {"against_plain": [], "against_bare_forward": []}
    many, rounds = options.many, options.rounds

    def kept() -> None:
        if options.json:
            options.json.write_text(json.dumps(measured, indent=2) + "\n")

    def against(name: str, overrides: Sequence[str], some: Sequence[PhotoFile], count: int, times: int) -> None:
        row = against_plain(name, overrides, some, count, times, variants)
        measured["against_plain"].append(row)
        console.print(shown("pairs per second against the plain way", [row]))
        kept()

    def share(name: str, overrides: Sequence[str]) -> None:
        row = against_bare(name, overrides, files * 4, rounds, variants)
        measured["against_bare_forward"].append(row)
        console.print(shown("pictures per second against the bare forward pass, same batch and precision", [row]))
        kept()

    against("iqa", ["model=iqa"], files, 20 * len(files), rounds)
    if options.large:
        large = Folder(options.large, None, 0).photos().files
        against("iqa, large photos", ["model=iqa"], large, len(large), 1)
    against("siamese, Lite0", ["model=siamese"], files, many, rounds)
    share("siamese, Lite0, fp32", ["model=siamese"])
    if not options.quick:
        half = Candidate(["model=siamese", *RESNET, "engine.precision=bf16"], variants)
        measured["bf16_seconds_over_fp32"] = slowness(half.settings, half.model)
        lower = "bf16" if measured["bf16_seconds_over_fp32"] < 1 else "fp32"
        if lower == "fp32":
            console.print("this processor only imitates bf16: compiled and measured in fp32 instead")
        for name in ("siamese", "ava"):
            network = [f"model={name}", *RESNET]
            fast = [*network, f"engine.precision={lower}", "engine.compile=true"]
            against(f"{name}, ResNet-50, fp32", network, files, many, rounds)
            share(f"{name}, ResNet-50, fp32", network)
            against(f"{name}, ResNet-50, {lower}, compiled", fast, files, many, rounds)
            share(f"{name}, ResNet-50, {lower}, compiled", fast)
        measured["growth"] = growth(files, rounds)
        console.print(shown("500 photos against 50 (iqa)", [measured["growth"]]))
    for name, overrides in {"iqa": ["model=iqa"], "siamese, Lite0": ["model=siamese"]}.items():
        spent = profile(overrides, files, variants)
        measured.setdefault("profile_ms_of_one_core_a_photo", {})[name] = spent
        rows = [{"step": step, "ms": ms} for step, ms in spent.items()]
        console.print(shown(f"{name}: ms of one core a photo", rows))
    kept()


if __name__ == "__main__":
    main()
