"""The proof of coverage: its bars, its simulated judges, and that it goes on where it was stopped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from proof.coverage import benchmark_claims, evaluation, gate, intervals, power, reports
from proof.coverage.cells import SimulatedTable, at_least, at_most
from proof.coverage.gate import TYPES, lost
from proof.coverage.judges import right_pairs, suited_right

PROOF = Path(__file__).parent / "proof" / "coverage"
TABLES = [table for part in (intervals, benchmark_claims, reports, gate, evaluation, power) for table in part.TABLES]


def test_a_bar_grants_the_luck_of_one_simulation_in_200() -> None:
    cell = {"runs": 20}
    # of 20 simulations with a probability of 5 % more than 4 claim in 0.26 %, more than 3 in 1.6 %
    assert at_most(0.05).shortfall(cell, 4 / 20) == 0
    assert at_most(0.05).shortfall(cell, 5 / 20) == pytest.approx(1 / 20)
    assert at_least(0.95).shortfall(cell, 16 / 20) == 0
    assert at_least(0.95).shortfall(cell, 15 / 20) == pytest.approx(1 / 20)
    assert at_most(0.05).shortfall({"runs": 10**9}, 0.051) > 0


@pytest.mark.parametrize("dependence", ["none", "logistic 3", "beta 0.3", "fate 0.75"])
def test_simulated_judges_have_the_accuracy_that_they_are_said_to_have(dependence: str) -> None:
    assert right_pairs(0.9, 5, dependence, (400, 50), seed=0).mean() / 5 == pytest.approx(0.9, abs=0.01)
    answers = suited_right(np.array([0.9, 0.55]), 4000, np.random.default_rng(0))
    assert answers.mean(axis=(1, 2)) == pytest.approx([0.9, 0.55], abs=0.02)


@pytest.mark.parametrize("where", ["all", "type", "rare"])
def test_simulated_falls_are_as_large_as_they_are_said_to_be(where: str) -> None:
    random = np.random.default_rng(0)
    before = suited_right(np.array([0.85]), 4000, random)[0]
    falls = before & lost(4000, 0.1, before, where, random)
    assert falls[:, TYPES == "crop_center"].mean() == pytest.approx(0.1, abs=0.01)
    assert falls.mean() == pytest.approx(0.1 * 2 / 27 if where == "type" else 0.1, abs=0.01)
    assert (falls.any(axis=1).mean() < 0.3) == (where != "all")


@pytest.mark.slow
@pytest.mark.parametrize("table", TABLES, ids=[table.name for table in TABLES])
def test_each_table_simulates_what_its_bars_are_about(table: SimulatedTable) -> None:
    cells = list(table.cells(quick=True))
    shares = [table.simulate(**cell | {"runs": 2}) for cell in (cells[0], cells[-1])]
    assert table.bars.keys() <= shares[0].keys() | shares[1].keys()
    assert all(share >= 0 for simulated in shares for share in simulated.values())


@pytest.mark.slow
def test_finished_cells_are_not_simulated_again(tmp_path: Path) -> None:
    file = tmp_path / "cells.json"
    command = [sys.executable, PROOF, "--quick", "--table", "told apart", "--json", file, "--processes", "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    first = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    done = json.loads(file.read_text())
    assert len(done) == 3
    marked = {name: shares | {"sign flips": 0.125} for name, shares in done.items()}
    file.write_text(json.dumps(marked))
    second = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "0.125" in second.stdout
    assert "0.125" not in first.stdout
