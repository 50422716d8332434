"""How well does a self-supervised model judge damage that nobody taught it? One training for each type, without it.

``python tests/proof/left_out.py --photos DIR --experiment reference_siamese --out DIR`` trains once for each type of
damage of the experiment, with this type hidden from the training, and prints the accuracy on the validation photos:
of pairs with the hidden type (alone or in a mixture), and of all pairs. Each training ends with its last epoch, so
nothing is chosen by the hidden type. ``--into FILE`` writes the accuracies into exported weights, where the benchmark's
report finds them.
"""

import argparse
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from iqbench.config import compose
from iqbench.models.checkpoint import export_head, read_weights


def types_of(experiment: str) -> list[str]:
    """Return the types of damage of an experiment."""
    return list(map(str, compose("train", [f"experiment={experiment}", "data.root=."]).degradation))


def train(experiment: str, photos: Path, out: Path, types: list[str], epochs: int) -> None:
    """Train once without each type."""
    hidden = f"self_supervision.hidden={','.join(f'[{name}]' for name in types)}"
    settings = [f"data.root={photos}", f"trainer.max_epochs={epochs}", f"trainer.check_val_every_n_epoch={epochs}"]
    command = [sys.executable, "-m", "iqbench.train", "-m", f"experiment={experiment}", *settings, hidden]
    subprocess.run([*command, f"out={out}"], check=True)


def accuracies(out: Path, types: list[str]) -> pd.DataFrame:
    """Return a row for each type with ``type``, ``hidden`` and ``all``, the worst first; stop if one has no result."""
    table = pd.read_csv(out / "trainings.csv")
    names = table["self_supervision.hidden"].str.strip("[]'\"")
    found = {"type": names, "hidden": table["final/val/accuracy_hidden"], "all": table["final/val/accuracy"]}
    results = pd.DataFrame(found).dropna().sort_values("hidden").reset_index(drop=True)
    if missing := sorted(set(types) - set(results["type"])):
        sys.exit(f"{out}: no finished training without {', '.join(missing)}; run the same command again")
    return results


def main() -> None:
    """Train, print the table, and write the accuracies into a file of weights if one is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="the folder of photos")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the trainings")
    parser.add_argument("--experiment", default="reference_siamese", help="a recipe of conf/experiment")
    parser.add_argument("--epochs", type=int, default=10, help="of each training")
    parser.add_argument("--into", type=Path, help="exported weights (.safetensors) to write the accuracies into")
    options = parser.parse_args()
    types = types_of(options.experiment)
    train(options.experiment, options.photos, options.out, types, options.epochs)
    results = accuracies(options.out, types)
    table = Table("type left out", "accuracy on it", "on all pairs")
    for row in results.itertuples():
        table.add_row(str(row.type), f"{100 * row.hidden:.1f} %", f"{100 * row.all:.1f} %")
    table.add_row("mean", f"{100 * results['hidden'].mean():.1f} %", f"{100 * results['all'].mean():.1f} %")
    Console().print(table)
    if options.into:
        weights = read_weights(options.into)
        left_out = {str(row.type): round(float(row.hidden), 4) for row in results.itertuples()}
        export_head(options.into, replace(weights, trained_on={**weights.trained_on, "left_out": left_out}))


if __name__ == "__main__":
    main()
