"""How long a sweep over twelve cheap models takes, relative to one of them, on the same photos in one session.

Both are programs of their own, from the first import to the last export. Time is given on the clock, and as the CPU
seconds of the program and its workers, which depend less on what else the machine does. ``--same`` also runs the twelve
models one by one, and compares the bytes of all exports. Run by ``make speed``; ``--large DIR`` takes your photos.
"""

import argparse
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageOps
from rich.console import Console

from iqbench.datasets.samples import Samples

MODELS = Path(__file__).with_name("cheap_models.py")
KINDS = ("mean", "spread", "red", "saturation", "edges", "range", "bytes")
TWELVE = ("iqa", "sharpness", "exposure", "contrast", "colorfulness", *KINDS)
MEGAPIXELS = 8.3
EXPORTS = ("unified_results.csv", "unified_results.parquet", "manifest.csv", "summary.json", "KEY_TAKEAWAYS.md")
EXPORTS += ("accuracy.png", "report.html")


def large_photos(folder: Path, count: int) -> Path:
    """Write enlarged sample photos, as they are, mirrored and upside down, and return their folder."""
    folder.mkdir()
    pictures = [Image.open(file.path).convert("RGB") for file in Samples(None, 0).photos().files]
    ways = (lambda picture: picture, ImageOps.mirror, ImageOps.flip)
    for number in range(count):
        picture = ways[number // len(pictures) % len(ways)](pictures[number % len(pictures)])
        scale = (MEGAPIXELS * 1e6 / (picture.width * picture.height)) ** 0.5
        size = round(picture.width * scale), round(picture.height * scale)
        picture.resize(size, Image.Resampling.LANCZOS).save(folder / f"{number:02}.jpg", quality=90 - number % 3 * 5)
    return folder


def config_folder(folder: Path) -> Path:
    """Write the configs of the cheap models that do not come with iqbench, and return their folder."""
    (folder / "model").mkdir(parents=True)
    for kind in KINDS:
        (folder / "model" / f"{kind}.yaml").write_text(f"_target_: cheap_models.Cheap\nkind: {kind}\n")
    return folder


def timed(configs: Path, photos: Path, out: Path, *arguments: str) -> tuple[float, float]:
    """Run a benchmark, and return its seconds on the clock and on the CPUs."""
    command = [sys.executable, "-m", "iqbench.bench", "--config-dir", str(configs), "data=folder"]
    command += [f"data.root={photos}", f"out={out}", *arguments]
    paths = os.pathsep.join([str(MODELS.parent), *sys.path])
    environment = os.environ | {"PYTHONPATH": paths, "SOURCE_DATE_EPOCH": "0"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def digest(folder: Path) -> str:
    """Return the SHA-256 of all exports of a run."""
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in EXPORTS)).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", type=Path, help="a folder of photos; by default the samples, enlarged")
    parser.add_argument("--count", type=int, default=20, help="number of enlarged samples")
    parser.add_argument("--same", action="store_true", help="run the models one by one, too, and compare the exports")
    arguments, _ = parser.parse_known_args()
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        photos = arguments.large or large_photos(place / "photos", arguments.count)
        configs = config_folder(place / "conf")
        one = timed(configs, photos, place / "one", f"model={TWELVE[0]}")
        twelve = timed(configs, photos, place / "twelve", "-m", f"model={','.join(TWELVE)}")
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
        console.print(f"one model, {TWELVE[0]}: {one[0]:.0f} s, {one[1]:.0f} CPU s")
        console.print(f"{len(TWELVE)} models in one sweep: {twelve[0]:.0f} s, {twelve[1]:.0f} CPU s (load {load:.1f})")
        console.print(f"ratio: {twelve[0] / one[0]:.2f} on the clock, {twelve[1] / one[1]:.2f} of the CPUs")
        if not arguments.same:
            return
        total = [0.0, 0.0]
        for number, name in enumerate(TWELVE):
            spent = timed(configs, photos, place / name, f"model={name}")
            total = [total[0] + spent[0], total[1] + spent[1]]
            job = place / "twelve" / f"{number}_{name}_standard"
            console.print(
                name, digest(job)[:16], "same bytes" if digest(job) == digest(place / name) else "OTHER BYTES"
            )
        console.print(f"one by one: {total[0]:.0f} s, {total[1]:.0f} CPU s")


if __name__ == "__main__":
    main()
