"""Coverage, false claims and power, on simulated benchmarks of judges whose true accuracy is known.

Four tables, each over a grid:

- intervals: how often the 95 % interval of an accuracy holds the truth, by photos, accuracy, pairs per photo (27: all
  pairs; 2, 4, 5: a type) and dependence within a photo;
- differences: how often the interval of a difference of two judges holds the truth;
- equal: how often judges of equal accuracy are called different, by photos and judges (family-wise);
- coin: how often KEY_TAKEAWAYS.md praises or blames a judge that tosses coins, on 8 photos and more;
- gate: how often `iqbench.check` sees a fall, by photos, models and the size of the fall.

Run by ``make coverage``. ``--quick`` takes under 3 minutes. Finished cells are kept in ``--json``: the same command
goes on where it was stopped.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from itertools import combinations, product
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.optimize import brentq
from scipy.special import expit

sys.path.insert(0, str(Path(__file__).parent.parent))

from fixtures.verdict_tables import frame, row, summarized
from iqbench.reporting.takeaways import takeaways
from iqbench.statistics.proportions import cluster_intervals
from iqbench.statistics.sign_flips import SignFlips

PHOTOS = (2, 3, 5, 8, 15, 30, 50, 100, 200)
ACCURACIES = (0.5, 0.7, 0.9, 0.97, 0.995)
PAIRS = (2, 4, 5, 27)
DEPENDENCE = ("none", "logistic 1.2", "logistic 3", "beta 0.3", "fate 0.5", "fate 0.75", "fate 1")
"""Within a photo: no dependence; a normal effect of the photo on the log-odds; an accuracy per photo of a beta
distribution with that correlation; pairs that share one fate with that probability."""

KINDS = {"blur": 4, "jpeg": 5, "exposure": 4, "crop_edge": 4, "crop_corner": 4, "crop_aspect": 4, "crop_center": 2}
EFFECTS = np.random.default_rng(9).normal(size=40_000)

Cell = dict[str, object]


def simulated(accuracy: float, pairs: int, dependence: str, shape: tuple[int, int], seed: int) -> np.ndarray:
    """Return the number of right pairs in each photo of each run, (runs, photos)."""
    random, (name, _, amount) = np.random.default_rng(seed), dependence.partition(" ")
    if name == "logistic":
        spread = float(amount)
        middle = brentq(lambda log_odds: expit(log_odds + spread * EFFECTS).mean() - accuracy, -30, 40)
        return random.binomial(pairs, expit(middle + spread * random.normal(size=shape)))
    if name == "beta":
        size = 1 / float(amount) - 1
        return random.binomial(pairs, random.beta(accuracy * size, (1 - accuracy) * size, shape))
    shared = random.random((*shape, pairs)) < (float(amount) if name == "fate" else 0.0)
    fate, own = random.random((*shape, 1)), random.random((*shape, pairs))
    return np.where(shared, fate < accuracy, own < accuracy).sum(axis=2)


def intervals(photos: int, accuracy: float, pairs: int, dependence: str, runs: int) -> float:
    """Return how often the interval of an accuracy holds the truth."""
    right = simulated(accuracy, pairs, dependence, (runs, photos), seed=1).T.astype(float)
    low, high = cluster_intervals(right, np.full(right.shape, float(pairs))).T
    return float(((low <= accuracy) & (accuracy <= high)).mean())


def differences(photos: int, a: float, b: float, dependence: str, runs: int) -> float:
    """Return how often the interval of a difference of two judges holds the truth."""
    right = [
        simulated(accuracy, 27, dependence, (runs, photos), seed).T.astype(float) for accuracy, seed in ((a, 1), (b, 2))
    ]
    low, high = SignFlips(photos).intervals(right[0] - right[1], np.full(right[0].shape, 27.0)).T
    return float(((low <= a - b) & (a - b <= high)).mean())


def equal(photos: int, judges: int, accuracy: float, runs: int) -> float:
    """Return how often at least two of several equal judges are called different."""
    wrong = 0
    for run in range(runs):
        right = simulated(accuracy, 27, "logistic 1.2", (judges, photos), seed=run).T
        gaps = np.stack([right[:, a] - right[:, b] for a, b in combinations(range(judges), 2)], axis=1)
        wrong += bool((SignFlips(photos).test(gaps.astype(float))[1] < 0.05).any())
    return wrong / runs


def coin(photos: int, runs: int) -> float:
    """Return how often the takeaways hold no line of praise or blame about a judge that tosses coins."""
    claims = re.compile(r"better than|is shown to|Prefers the|worse than|may use nothing else|may detect|Right in all")
    quiet = 0
    for run in range(runs):
        random = np.random.default_rng(run)
        photo_statistics = random.random((photos, 3))
        rows = []
        for at in range(photos):
            for kind, levels in KINDS.items():
                for level in range(1, levels + 1):
                    margin = float(random.choice([-1.0, 1.0]) * random.random())
                    statistics = {
                        f"{side}_{name}": 100 * photo_statistics[at, number]
                        for number, name in enumerate(("brightness", "sharpness", "pixels"))
                        for side in ("original", "variant")
                    }
                    rows.append(row("coin", f"./{at:03}.png", kind, str(level), margin, level, **statistics))
        text = takeaways(summarized(frame(rows), resamples=200))
        about = text.split("## coin")[1].split("## Blind spots")[0]
        quiet += not any(claims.search(line) and "Not shown" not in line for line in about.splitlines())
    return quiet / runs


def gate(photos: int, models: int, fall: float, runs: int) -> float:
    """Return how often a fall of one model of several, on all types alike, is seen."""
    seen = 0
    for run in range(runs):
        random = np.random.default_rng(run)
        before = random.random((photos, 27, models)) < 0.85
        after = before.copy()
        after[:, :, 0] &= random.random((photos, 27)) >= fall / 0.85
        noise = random.random((photos, 27, models)) < 0.02  # other verdicts change by chance, both ways
        after = np.where(noise, random.random((photos, 27, models)) < 0.85, after)
        ends = np.cumsum(list(KINDS.values()))[:-1]
        of_types = np.split(after.astype(float) - before, ends, axis=1)
        gaps = np.concatenate([part.sum(axis=1) for part in (np.concatenate(of_types, axis=1), *of_types)], axis=1)
        seen += bool(SignFlips(photos).test(gaps)[1][0] < 0.05)
    return seen / runs


def cells(quick: bool) -> Iterator[tuple[str, Callable[..., float], Cell]]:
    """Yield every cell of the grid: its table, its function and its arguments."""
    runs = 400 if quick else 2000
    photos = (8, 15, 50) if quick else PHOTOS
    for count, accuracy, pairs, dependence in product(photos, ACCURACIES, PAIRS, DEPENDENCE):
        yield "intervals", intervals, {
            "photos": count, "accuracy": accuracy, "pairs": pairs, "dependence": dependence, "runs": runs
        }  # fmt: skip
    some = ((0.9, 0.8), (0.97, 0.9), (0.995, 0.97), (0.97, 0.97)) if not quick else ((0.9, 0.8), (0.995, 0.97))
    for count, (a, b), dependence in product(photos, some, DEPENDENCE[:6]):
        yield "differences", differences, {
            "photos": count, "a": a, "b": b, "dependence": dependence, "runs": runs // 4
        }  # fmt: skip
    judges = (2, 8) if quick else (2, 8, 20, 40)
    for count, number, accuracy in product((8, 50), judges, (0.7, 0.97)):
        yield "equal", equal, {"photos": count, "judges": number, "accuracy": accuracy, "runs": runs // 4}
    for count in (8,) if quick else (8, 50):
        yield "coin", coin, {"photos": count, "runs": 60 if quick else 400}
    for count, models, fall in ((8, 1, 0.85), (50, 20, 0.2), (50, 1, 0.05), (50, 20, 0.0)):
        yield "gate", gate, {"photos": count, "models": models, "fall": fall, "runs": runs // 8}


BARS: dict[str, Callable[[Cell, float], bool]] = {
    "intervals": lambda cell, value: value >= _least(cell),
    "differences": lambda cell, value: value >= (0.9 if int(str(cell["photos"])) >= 8 else 0.0),
    "equal": lambda cell, value: value <= 0.05 + _noise(0.05, cell),
    "coin": lambda cell, value: value >= 0.95 - _noise(0.05, cell) if cell["photos"] == 8 else True,
    "gate": lambda cell, value: value >= 0.95 if cell["fall"] in (0.85, 0.2) else True,
}
"""What each cell must reach. Simulation noise is granted where the bar is a probability that the method aims at."""


def _least(cell: Cell) -> float:
    photos, pairs = int(str(cell["photos"])), int(str(cell["pairs"]))
    if pairs == 27:
        return 0.92 - _noise(0.08, cell) if photos >= 8 else 0.0
    return 0.9 - _noise(0.1, cell) if photos >= 15 else 0.0


def _noise(share: float, cell: Cell) -> float:
    """Return 2.5 standard errors of a simulated share."""
    return float(2.5 * np.sqrt(share * (1 - share) / int(str(cell["runs"]))))


def main() -> None:
    """Simulate, print the tables, and exit with 1 if a cell falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a coarse grid, under 3 minutes")
    parser.add_argument("--json", type=Path, help="keeps finished cells")
    options = parser.parse_args()
    console = Console(width=120)
    done = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    planned = list(cells(options.quick))
    short = []
    for table, function, cell in track(planned, "simulating", console=Console(stderr=True)):
        key = json.dumps([table, cell])
        if key not in done:
            done[key] = function(**cell)
            if options.json:
                options.json.write_text(json.dumps(done, indent=0) + "\n")
        if not BARS[table](cell, done[key]):
            short.append((table, cell, done[key]))
    for table in BARS:
        values = [(cell, done[json.dumps([table, cell])]) for name, _, cell in planned if name == table]
        console.print(summary_table(table, values))
    for table, cell, value in short:
        console.print(f"FALLS SHORT: {table} {cell}: {value:.3f}")
    sys.exit(1 if short else 0)


def summary_table(title: str, values: list[tuple[Cell, float]]) -> Table:
    """Return the cells of a table; of many cells the lowest ones per number of photos."""
    names = [name for name in values[0][0] if name != "runs"]
    table = Table(*names, "runs", "share", title=f"{title}: {len(values)} cells", title_justify="left")
    shown = values
    if len(values) > 24:
        shown = []
        for photos in dict.fromkeys(cell["photos"] for cell, _ in values):
            of_photos = [(cell, value) for cell, value in values if cell["photos"] == photos]
            shown += sorted(of_photos, key=lambda pair: pair[1])[:3]
    for cell, value in shown:
        table.add_row(*(str(cell[name]) for name in (*names, "runs")), f"{value:.3f}")
    return table


if __name__ == "__main__":
    main()
