"""Does training learn what labels say? Both models on both sets, with labels that can be seen and labels that cannot.

Both sets are made in the layout of the real ones, from parts of the sample photos that are the more blurred and faded
the worse they are meant to be. ``python tests/proof/learning.py --json FILE`` trains on the CPU with the packaged
EfficientNet-Lite0, evaluates on the test split (series and photos that were not learned from), and prints a table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from fixtures.labelled_sets import write_ava, write_phototriage
from fixtures.scenes import scene, unrelated_scene

SETS = {"visible": scene, "shuffled": unrelated_scene}
"""How the photos show what the labels say."""

TARGETS = {"phototriage": ("accuracy", 0.90), "ava": ("srcc", 0.85)}
"""The measure of each set, and what must be reached where labels are visible."""

PLACES = {"phototriage": ["data.test_share=0.3"], "ava": []}
"""How much of each set is held out; a third of so few series, so that intervals are not too wide."""

EPOCHS = {("siamese", "phototriage"): 3, ("ava", "phototriage"): 3, ("siamese", "ava"): 2, ("ava", "ava"): 6}
"""Of votes a siamese makes four times as many pairs as there are photos, so its epochs are longer."""


def write_sets(root: Path) -> None:
    """Write both sets with labels that can be seen, and with labels that cannot."""
    for kind, pixels in SETS.items():
        write_phototriage(root / kind / "phototriage", 90, 4, validation_series=15, pixels=pixels)
        write_ava(root / kind / "ava", photos=360, test=80, pixels=pixels)


def call(program: str, *arguments: str) -> None:
    """Run one of iqbench's programs."""
    done = subprocess.run([sys.executable, "-m", f"iqbench.{program}", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"iqbench.{program} {' '.join(arguments)}\n{done.stderr}")


def learn(model: str, data: str, kind: str, root: Path, more: list[str]) -> dict[str, Any]:
    """Train one model on one set, and return how well it agrees with the labels that were held out."""
    source, out = [f"data={data}", f"data.root={root / kind / data}", *PLACES[data]], root / f"{model}_{data}_{kind}"
    start = time.perf_counter()
    settings = [f"trainer.max_epochs={EPOCHS[model, data]}", "trainer.accelerator=cpu", *more]
    call("train", f"model={model}", *source, *settings, f"out={out}")
    seconds = time.perf_counter() - start
    best = out / "checkpoints" / "best.ckpt"
    call("evaluate", f"model={model}", *source, f"model.checkpoint={best}", f"out={out}_evaluated")
    (evaluation,) = json.loads((root / f"{out.name}_evaluated" / "evaluation.json").read_text())["sets"]
    measure, target = TARGETS[data]
    answer = evaluation["models"][model]
    baseline = answer["constant_accuracy"]["value"] if data == "phototriage" else 0.0
    row = {"model": model, "data": data, "labels": kind, "measure": measure, "value": answer[measure]["value"]}
    return row | {
        "interval": answer[measure]["interval"],
        "baseline": baseline,
        "target": target if kind == "visible" else None,
        "train_s": round(seconds, 1),
        "held_out": answer["counts"],
    }


def main() -> None:
    """Train all of them, and print and write what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", default="", help="for instance siamese,ava,visible: a model, a set, kinds of labels")
    parser.add_argument("overrides", nargs="*", help="settings of iqbench.train")
    options = parser.parse_args()
    runs = [(model, data, kind) for kind in SETS for data in TARGETS for model in ("siamese", "ava")]
    runs = [run for run in runs if set(filter(None, options.only.split(","))) <= set(run)]
    table = Table("model", "data", "labels", "held out", "95 % interval", "baseline", "must reach", "training")
    with tempfile.TemporaryDirectory() as folder:
        write_sets(Path(folder))
        rows = [
            learn(*run, Path(folder), options.overrides)
            for run in track(runs, "training", console=Console(stderr=True))
        ]
    for row in rows:
        low, high = row["interval"]
        must = f">= {row['target']:.2f}" if row["target"] else "the baseline"
        value = f"{row['measure']} {row['value']:.3f}"
        table.add_row(
            row["model"],
            row["data"],
            row["labels"],
            value,
            f"{low:.3f} to {high:.3f}",
            f"{row['baseline']:.3f}",
            must,
            f"{row['train_s']:.0f} s",
        )
    Console(width=120).print(table)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
