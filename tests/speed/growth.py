"""What ten times as many photos cost a photo, in time and memory, of the whole program in a process of its own."""

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
import resource, sys
from iqbench.bench import main
try:
    main()
finally:
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print("PEAK", *peaks)
"""


def growth(files: Sequence[PhotoFile]) -> dict[str, Any]:
    """Return seconds a photo and peak megabytes for `FEW` and `MANY` photos, links to the files given, and ratios."""
    with tempfile.TemporaryDirectory() as place:
        (few, small), (many, large) = (_measured(files, count, Path(place) / str(count)) for count in (FEW, MANY))
    found = {f"ms_a_photo_{FEW}": 1000 * few, f"ms_a_photo_{MANY}": 1000 * many, "time_ratio": many / few}
    return found | {f"peak_mb_{FEW}": small, f"peak_mb_{MANY}": large, "memory_ratio": large / small}


def _measured(files: Sequence[PhotoFile], count: int, place: Path) -> tuple[float, float]:
    """Return seconds a photo, and the peak memory of the program and of its largest worker together, in megabytes."""
    (place / "photos").mkdir(parents=True)
    for number, file in enumerate(islice(cycle(files), count)):
        (place / "photos" / f"{number:04}{file.path.suffix}").write_bytes(file.path.read_bytes())
    settings = ["model=iqa", "data=folder", f"data.root={place / 'photos'}", f"out={place / 'out'}"]
    start = time.perf_counter()
    ended = subprocess.run([sys.executable, "-c", PROGRAM, *settings], check=True, capture_output=True, text=True)
    passed = time.perf_counter() - start
    peaks = ended.stdout.rpartition("PEAK ")[2].split()
    scale = 1 if sys.platform == "darwin" else 1024
    return passed / count, sum(map(int, peaks)) * scale / 1e6
