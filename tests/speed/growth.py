"""What ten times as many photos cost a photo, in time and memory, of the whole program in a process of its own."""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from iqbench.interfaces import PhotoFile

FEW, MANY = 50, 500

PROGRAM = """
import resource, sys, time
from iqbench.bench import main
from iqbench.results.store import Store
written, write = [], Store.write
def timed(*given):
    write(*given)
    written.append(time.perf_counter())
Store.write = timed
try:
    main()
finally:
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print("MEASURED", (written[-1] - written[0]) / (len(written) - 1), *peaks)
"""
"""A benchmark that says how long a photo took it once it was under way, and how much memory it had at most."""


def growth(files: Sequence[PhotoFile], rounds: int) -> dict[str, Any]:
    """Return medians for `FEW` and `MANY` photos, copies of the files given, and ratios.

    Of the time that a photo takes once the run is under way, of the whole program's time a photo, and of the
    peak memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        measured = [
            [_measured(files, count, Path(folder) / f"{count}-{number}") for count in (FEW, MANY)]
            for number in range(rounds)
        ]
    few, many = (
        [statistics.median(values) for values in zip(*side, strict=True)] for side in zip(*measured, strict=True)
    )
    names = ("steady_ms_a_photo", "program_ms_a_photo", "peak_mb")
    summary = {
        f"{name}_{count}": value
        for name, *medians in zip(names, few, many, strict=True)
        for count, value in zip((FEW, MANY), medians, strict=True)
    }
    return summary | {f"{name}_ratio": after / before for name, before, after in zip(names, few, many, strict=True)}


def _measured(files: Sequence[PhotoFile], count: int, folder: Path) -> tuple[float, float, float]:
    """Return milliseconds a photo under way and in all, and the peak megabytes of the program and a worker together."""
    (folder / "photos").mkdir(parents=True)
    for number, file in enumerate(islice(cycle(files), count)):
        (folder / "photos" / f"{number:04}{file.path.suffix}").write_bytes(file.path.read_bytes())
    settings = ["model=iqa", "data=folder", f"data.root={folder / 'photos'}", f"out={folder / 'out'}"]
    start = time.perf_counter()
    ended = subprocess.run([sys.executable, "-c", PROGRAM, *settings], check=True, capture_output=True, text=True)
    passed = time.perf_counter() - start
    steady, *peaks = map(float, ended.stdout.rpartition("MEASURED ")[2].split())
    scale = 1 if sys.platform == "darwin" else 1024
    return 1000 * steady, 1000 * passed / count, sum(peaks) * scale / 1e6
