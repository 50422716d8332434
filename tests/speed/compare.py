"""How fast the benchmark is, as ratios, both sides of each measured in turn in this one run.

Against the plain way (`plain`), against the bare forward pass of the same network, with and without the time
that compiling takes (`compiling`), 500 photos against 50 (`growth`), and where the time goes.
Run by ``make speed``; ``ARGS="--photos DIR --large DIR --json FILE"`` measures your photos.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
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
from iqbench.benchmark.pairs import score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.datasets.folder import Folder
from iqbench.datasets.samples import Samples
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import suite
from iqbench.inference.autotuning import autotune, precision_slowdown, share_cores
from iqbench.inference.batching import encode_batch, inference_threads
from iqbench.inference.engine_config import EngineConfig
from iqbench.inference.image_statistics import image_statistics
from iqbench.inference.tensor_pictures import tensor_pictures
from iqbench.interfaces import PhotoFile, QualityModel, Variant
from iqbench.photos import read, synthetic_photo

RESNET = ("model.backbone=resnet50", "model.weights=none", "model.checkpoint=untrained")


BARE_BATCHES = 60


class Candidate:
    """A model with its engine config, ready for inference."""

    def __init__(self, overrides: Sequence[str], variants: Sequence[Variant]) -> None:
        composed = config.compose("bench", list(overrides))
        self.variants = [*variants, *controls()]
        engine: EngineConfig = config.build(composed.engine, "engine")
        self.model: QualityModel = engine.place(config.build(composed.model, "model"))
        self.engine = autotune(engine, self.model, self.model.prepare(synthetic_photo()))

    def run(self, files: Sequence[PhotoFile]) -> None:
        """Score every pair as `iqbench.bench` does, controls included."""
        engine = share_cores(self.engine, self.model, files, self.variants)
        made = tensor_pictures(self.model, self.variants, engine, files[:1], files)
        for _ in score_pairs(BenchmarkTask(self.model, files, self.variants, engine, tensor_pictures=made)):
            pass


def seconds(work: Callable[[], object]) -> float:
    """Return how long ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compared(
    name: str, overrides: Sequence[str], files: Sequence[PhotoFile], many: int, rounds: int, variants: Sequence[Variant]
) -> dict[str, Any]:
    """Return how fast the benchmark is, in turns with the plain way, and with a network's bare forward pass.

    The plain way judges ``files``, iqbench ``many`` of them, in this program, from the start of its workers to
    the last margin. The bare pass encodes the same batch again and again, on the same inference threads,
    in the same precision.
    """
    candidate = Candidate(overrides, variants)
    simple = json.dumps([override for override in overrides if not override.startswith("engine.")])
    plain = [sys.executable, str(Path(__file__).with_name("plain.py")), simple, *(str(file.path) for file in files)]
    more = list(islice(cycle(files), many))
    bare_pass = bare(candidate, files[0]) if isinstance(candidate.model, torch.nn.Module) else None
    candidate.run(more[:2])  # warm up
    turns: list[dict[str, float]] = []
    for _ in range(rounds):
        slow = float(subprocess.run(plain, check=True, capture_output=True, text=True).stdout)
        photos_per_s = len(more) / seconds(lambda: candidate.run(more))
        pairs, pictures = photos_per_s * len(variants), photos_per_s * (len(candidate.variants) + 1)
        turn = {"plain_pairs_per_s": slow, "pairs_per_s": pairs, "ratio": pairs / slow, "pictures_per_s": pictures}
        if bare_pass is not None:
            encoded = int(candidate.engine.batch_size) * BARE_BATCHES / seconds(bare_pass)
            turn |= {"bare_pictures_per_s": encoded, "share_of_bare": pictures / encoded}
        turns.append(turn)
    row: dict[str, Any] = {"what": name}
    row |= {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}
    if candidate.engine.compile:
        for when, compiling in zip(("first", "again"), compile_times(overrides), strict=True):
            in_all = 50 * len(variants) / (50 * len(variants) / row["pairs_per_s"] + compiling)
            row |= {f"compiling_s_{when}": compiling, f"ratio_with_it_{when}": in_all / row["plain_pairs_per_s"]}
    return row


def bare(candidate: Candidate, file: PhotoFile) -> Callable[[], None]:
    """Return what encodes one batch `BARE_BATCHES` times, and nothing else."""
    engine = candidate.engine
    picture = candidate.model.prepare(read(file.path).pixels)
    batch, encode = torch.stack([picture] * int(engine.batch_size)), engine.encoder(candidate.model)

    def bare_pass() -> None:
        work = (encode_batch, encode, batch, engine)
        for future in [inference_threads(engine).submit(*work) for _ in range(BARE_BATCHES)]:
            future.result()

    bare_pass()
    return bare_pass


def compile_times(overrides: Sequence[str]) -> list[float]:
    """Return the seconds that compiling takes in a new program: with nothing kept from before, and then once more."""
    program = [sys.executable, str(Path(__file__).with_name("compiling.py")), json.dumps(list(overrides))]
    with tempfile.TemporaryDirectory() as cache_folder:
        environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": cache_folder}
        ended = [subprocess.run(program, check=True, capture_output=True, text=True, env=environment) for _ in range(2)]
    return [float(process.stdout) for process in ended]


def profile(overrides: Sequence[str], files: Sequence[PhotoFile], variants: Sequence[Variant]) -> dict[str, float]:
    """Return the milliseconds of one core that each step takes a photo, one step after the other."""
    candidate, spent = Candidate(overrides, variants), Counter[str]()
    engine = replace(candidate.engine, workers=0)
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
        for step, work in (("image statistics", image_statistics), ("prepare", candidate.model.prepare)):
            start = time.perf_counter()
            outputs = [work(picture) for picture in pictures]  # type: ignore[operator]
            spent[step] += time.perf_counter() - start
    batch = torch.stack(outputs[: int(engine.batch_size)])
    torch.set_num_threads(threads)
    encode = candidate.model.encode
    encode_batch(encode, batch, engine)
    each = seconds(lambda: encode_batch(encode, batch, engine)) / len(batch)
    milliseconds = {step: 1000 * total / len(files) for step, total in spent.items()}
    return milliseconds | {f"encode (with {threads} threads)": 1000 * each * len(pictures) * threads}


def upright(title: str, measured: dict[str, Any]) -> Table:
    """Return what was measured, a line each; numbers with three digits."""
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in measured.items():
        table.add_row(name, _short(value))
    return table


def together(rates: Sequence[dict[str, Any]]) -> Table:
    """Return the ratios side by side."""
    names = ("ratio", "ratio_with_it_first", "ratio_with_it_again", "share_of_bare")
    heads = ("against the plain way", "with compiling", "compiled before", "share of the bare pass")
    table = Table("medians", *heads)
    for rate in rates:
        table.add_row(rate["what"], *(_short(rate.get(name, "")) for name in names))
    return table


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Measure in turns, and print the medians of the ratios as they come."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", help="a folder; the sample photos if there is none")
    parser.add_argument("--large", help="a folder of photos of many megapixels; left out if there is none")
    parser.add_argument("--limit", type=int, default=3, help="photos that the plain way judges")
    parser.add_argument("--many", type=int, default=50, help="photos that networks judge, the same ones again")
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
    measured |= {"rates": []}

    def kept() -> None:
        if options.json:
            options.json.write_text(json.dumps(measured, indent=2) + "\n")

    def rate(name: str, overrides: Sequence[str], some: Sequence[PhotoFile], many: int, times: int) -> None:
        row = compared(name, overrides, some, many, times, variants)
        measured["rates"].append(row)
        console.print(upright(f"medians of {times}", row))
        kept()

    rate("iqa", ["model=iqa"], files, 4 * options.many, options.rounds)
    if options.large:
        large = Folder(options.large, None, 0).photos().files
        rate("iqa, large photos", ["model=iqa"], large, 2 * len(large), 1)
    rate("siamese, Lite0", ["model=siamese"], files, options.many, options.rounds)
    if not options.quick:
        bf16_candidate = Candidate(["model=siamese", *RESNET, "engine.precision=bf16"], variants)
        picture = bf16_candidate.model.prepare(synthetic_photo())
        measured["bf16_seconds_over_fp32"] = precision_slowdown(bf16_candidate.engine, bf16_candidate.model, picture)
        lower = "bf16" if measured["bf16_seconds_over_fp32"] < 1 else "fp32"
        if lower == "fp32":
            console.print("this processor only imitates bf16: compiled and measured in fp32 instead")
        for name in ("siamese", "ava"):
            network = [f"model={name}", *RESNET]
            fast = [*network, f"engine.precision={lower}", "engine.compile=true"]
            rate(f"{name}, ResNet-50, fp32", network, files, options.many, options.rounds)
            rate(f"{name}, ResNet-50, {lower}, compiled", fast, files, options.many, options.rounds)
        measured["growth"] = growth(files, options.rounds)
        console.print(upright("500 photos against 50 (iqa)", measured["growth"]))
    for name, overrides in {"iqa": ["model=iqa"], "siamese, Lite0": ["model=siamese"]}.items():
        spent = profile(overrides, files, variants)
        measured.setdefault("profile_ms_of_one_core_a_photo", {})[name] = spent
        console.print(upright(f"{name}: ms of one core a photo", spent))
    console.print(together(measured["rates"]))
    kept()


if __name__ == "__main__":
    main()
