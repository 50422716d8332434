"""Benchmarks that are killed at seeded moments and started again, and what became of their rows."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from iqbench.results.schema import FILE_NAME

EXPORTS = ("unified_results.csv", "unified_results.parquet", "manifest.csv", "summary.json", "KEY_TAKEAWAYS.md")
EXPORTS += ("accuracy.png", "report.html")


@dataclass
class Outcome:
    """How a run went that was killed again and again."""

    kills: list[int] = field(default_factory=list)
    """Photos that were finished when it was killed."""
    judged_again: int = 0
    """Photos that were finished and yet judged a second time."""
    same_bytes: bool = False


def finished(store: Path) -> dict[str, tuple[int, ...]]:
    """Return the photos in a store with the numbers of their rows, which are new when a photo is judged again."""
    if not store.is_file():
        return {}
    database = sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)
    try:
        rows = database.execute("SELECT photo, rowid FROM pairs ORDER BY rowid").fetchall()
    except sqlite3.OperationalError:  # the tables are being made
        return {}
    finally:
        database.close()
    found: dict[str, list[int]] = {}
    for photo, number in rows:
        found.setdefault(photo, []).append(number)
    return {photo: tuple(numbers) for photo, numbers in found.items()}


def killed(arguments: list[str], out: Path, photos: int, kills: int, seed: int) -> Outcome:
    """Run a benchmark, kill it ``kills`` times, let it finish, and compare it with one that was left alone.

    The moments are drawn: a number of finished photos, and a delay of up to the time that a photo takes.
    """
    draw, outcome = random.Random(seed), Outcome()
    whole, store = out / "whole", out / "killed" / FILE_NAME
    command = [sys.executable, "-m", "iqbench.bench", *arguments]
    subprocess.run([*command, f"out={whole}"], check=True, capture_output=True)
    known: dict[str, tuple[int, ...]] = {}
    for target in sorted(draw.randrange(photos) for _ in range(kills)):
        process = subprocess.Popen(
            [*command, f"out={out / 'killed'}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while process.poll() is None and len(finished(store)) <= target:
            time.sleep(0.005)  # polls another process; nothing depends on how long it takes
        time.sleep(draw.random() * 0.3)  # the moment within a photo
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        there = finished(store)
        outcome.judged_again += sum(there.get(photo) != rows for photo, rows in known.items())
        outcome.kills.append(len(there))
        known = there
    subprocess.run([*command, f"out={out / 'killed'}"], check=True, capture_output=True)
    there = finished(store)
    outcome.judged_again += sum(there.get(photo) != rows for photo, rows in known.items())
    outcome.same_bytes = all((whole / name).read_bytes() == (out / "killed" / name).read_bytes() for name in EXPORTS)
    return outcome
