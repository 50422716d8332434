"""Benchmarks, sweeps and checkpoints that are killed at every step of their work on files, and started again."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import torch
from PIL import Image

from fixtures.kill_points import count_steps, killed_at
from fixtures.photos import noisy_gradient
from iqbench.datasets.decode_cache import DecodeCache
from iqbench.interfaces import PhotoFile
from iqbench.results.reader import read_store
from iqbench.results.schema import FILE_NAME, CrossPairRow, PhotoRow
from iqbench.results.store import Store
from iqbench.training.checkpoint_io import AtomicCheckpointIO

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")

SAMPLE = 6
"""Number of steps, chosen by a seed, at which a whole program is killed; 0 would be all of them."""

PROGRAM = """
import json, random, sys
from pathlib import Path
sys.path.insert(0, "tests")
import cv2, pyarrow
cv2.setNumThreads(0)  # a forked process has no threads but its own
pyarrow.set_cpu_count(1), pyarrow.set_io_thread_count(1)
from fixtures.command_line import run
from fixtures.kill_points import count_steps, forked, killed_at
from fixtures.killed_runs import EXPORTS

place, sample, arguments = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]

def bench(out):
    outcome = run("bench", *arguments, f"out={out}")
    print(outcome.err, file=sys.stderr)
    if outcome.exit_code:
        sys.exit(outcome.exit_code)

def same_exports(out):
    whole = place / "whole"
    return all((out / name).is_file() and (out / name).read_bytes() == (whole / name).read_bytes() for name in EXPORTS)

def leftovers(out):
    marks = ".results", ".exports"
    endings = ".tmp", "-wal", "-shm", "-journal"
    return [path.name for path in out.rglob("*") if path.name.startswith(marks) or path.name.endswith(endings)]

bench(place / "warm")  # imports everything
steps = count_steps(place / "whole", lambda: bench(place / "whole"))
numbers = range(len(steps))
chosen = numbers if sample == 0 else random.Random(0).sample(numbers, sample)
faults = []
for number in chosen:
    out = place / f"killed-{number}"
    codes = killed_at(number, out, lambda: bench(out)), forked(lambda: bench(out))
    if codes != (-9, 0) or not same_exports(out) or leftovers(out):
        faults.append([steps[number], codes, same_exports(out), leftovers(out)])
print(json.dumps([steps, list(chosen), faults]))
"""


def killed_everywhere(folder: Path, sample: int, *arguments: str) -> tuple[list[str], list[int], list[object]]:
    """Return the steps of a benchmark, those at which it was killed, and those that did harm."""
    (folder / "photos").mkdir()
    for number in range(2):
        Image.fromarray(noisy_gradient(60, 80, seed=number)).save(folder / "photos" / f"{number}.png")
    common = ("engine.workers=0", "data=folder", f"data.root={folder / 'photos'}")
    command = [sys.executable, "-c", PROGRAM, str(folder), str(sample), *arguments, *common]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    steps, chosen, faults = json.loads(ended.stdout.splitlines()[-1])
    return steps, chosen, faults


@pytest.mark.slow
def test_a_benchmark_killed_at_any_step_goes_on_with_the_same_command(tmp_path: Path) -> None:
    steps, chosen, faults = killed_everywhere(tmp_path, SAMPLE, "model=iqa", "degradation=blur")
    assert {"fsync", "COMMIT", "sqlite3.connect .results.sqlite.new", "os.rename .status.json.tmp"} < set(steps)
    assert faults == []
    assert len(chosen) >= SAMPLE


@pytest.mark.slow
def test_a_sweep_killed_at_any_step_goes_on_with_the_same_command(tmp_path: Path) -> None:
    steps, chosen, faults = killed_everywhere(
        tmp_path, SAMPLE // 2, "-m", "model=contrast,sharpness", "degradation=exposure"
    )
    assert {"os.rename .sweep.json.tmp", "os.rename .status.json.tmp", "os.rename comparisons.parquet"} < set(steps)
    assert faults == []
    assert len(chosen) >= SAMPLE // 2


def photo_rows(folder: Path) -> list[str]:
    return read_store(folder / FILE_NAME).photos["name"].tolist()


def write_store(folder: Path) -> None:
    with closing(Store(folder, {"photos": ["./a", "./b"]}, {}, [])) as store:
        for name in ("./a", "./b"):
            store.write(PhotoRow(name, "00", 10, 40, 30), [])


CROSS_PAIRS = [CrossPairRow(a, "blur/1.0", b, "00", 1.0, -1.0) for a, b in (("./a", "./b"), ("./b", "./a"))]


def write_cross_pairs(folder: Path) -> None:
    write_store(folder)
    with closing(Store(folder, {"photos": ["./a", "./b"]}, {}, [])) as store:
        store.update_cross_pairs(CROSS_PAIRS[:1], keep={("./a", "./b", "00")})
        store.update_cross_pairs(CROSS_PAIRS[1:], keep={("./b", "./a", "00")})


def write_checkpoint(folder: Path) -> None:
    AtomicCheckpointIO().save_checkpoint({"epoch": 1}, folder / "checkpoints" / "last.ckpt")


def write_cache(folder: Path) -> None:
    photos = [PhotoFile("./none.png", folder / "none.png")]
    DecodeCache(photos, folder / "cache").save()


WRITERS = {
    write_store: lambda folder: photo_rows(folder) == ["./a", "./b"],
    write_cross_pairs: lambda folder: read_store(folder / FILE_NAME).cross_pairs["photo"].tolist() == ["./b"],
    write_checkpoint: lambda folder: torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["epoch"] == 1,
    write_cache: lambda folder: [path.suffix for path in (folder / "cache").iterdir()] == [".parquet"],
}


@pytest.mark.parametrize(
    "write",
    [pytest.param(write, marks=[pytest.mark.slow] * (write is write_cross_pairs)) for write in WRITERS],
)
def test_a_file_killed_at_any_step_of_its_creation_is_made_by_the_next_try(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    (tmp_path / "whole").mkdir()
    steps = count_steps(tmp_path / "whole", lambda: write(tmp_path / "whole"))
    assert len(steps) > 5
    for number in range(len(steps)):
        folder = tmp_path / f"killed-{number}"
        folder.mkdir()
        assert killed_at(number, folder, lambda: write(folder)) == -9  # noqa: B023
        if write is write_cache:  # of which other programs may write, so that temporary files are removed when old
            for path in folder.rglob(".*.tmp"):
                os.utime(path, (0, 0))
        write(folder)
        assert WRITERS[write](folder), steps[number]
        assert not [path for path in folder.rglob(".*") if path.name != ".lock"], steps[number]
