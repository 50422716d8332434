"""Coverage, false claims and power, on simulated benchmarks of judges whose true accuracy is known.

Run by ``make coverage``: about half an hour on two cores. ``--quick`` is a coarse grid, under 3 minutes. Finished
cells are kept in ``--json``, so the same command goes on where it was stopped; delete the file after a change of
the statistics. The exit code is 1 if a cell falls short of its bar (granted the luck of one simulation in 200).
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # there is a process per core
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from rich.console import Console
from rich.progress import track

from proof.coverage import benchmark_claims, evaluation, gate, intervals, power, reports
from proof.coverage.cells import Cell, SimulatedTable
from proof.coverage.printing import Shares, result_table

TABLES = (
    *intervals.TABLES,
    *benchmark_claims.TABLES,
    *reports.TABLES,
    *gate.TABLES,
    *evaluation.TABLES,
    *power.TABLES,
)


def main() -> None:
    """Simulate, print the tables, and exit with 1 if a cell falls short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a coarse grid, under 3 minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keeps finished cells")
    parser.add_argument("--table", action="append", choices=[table.name for table in TABLES], help="only this one")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="default: one per core")
    options = parser.parse_args()
    tables = [table for table in TABLES if not options.table or table.name in options.table]
    planned = [(table, cell) for table in tables for cell in table.cells(options.quick)]
    done: dict[str, Shares] = json.loads(options.json.read_text()) if options.json and options.json.exists() else {}
    missing = [(table, cell) for table, cell in planned if key(table, cell) not in done]
    for name, shares in track(
        simulated(missing, options.processes), "simulating", len(missing), console=Console(stderr=True)
    ):
        done[name] = shares
        if options.json:
            write(options.json, done)
    console = Console(width=140)
    short = []
    for table in tables:
        values = [(cell, done[key(table, cell)]) for of_table, cell in planned if of_table is table]
        console.print(f"\n[bold]{table.name}[/bold]: {table.promise}", result_table(table, values), sep="\n")
        short += [
            f"FALLS SHORT: {table.name}, {name} {shares[name]:.3f}: {cell}"
            for cell, shares in values
            for name in shares
            if table.shortfall(cell, name, shares[name]) > 0
        ]
    console.print(*short or ["All cells meet their bars."], sep="\n")
    sys.exit(1 if short else 0)


def key(table: SimulatedTable, cell: Cell) -> str:
    """Return the name of a cell in the file of finished ones."""
    return json.dumps([table.name, cell])


def simulated(cells: list[tuple[SimulatedTable, Cell]], processes: int) -> Iterator[tuple[str, Shares]]:
    """Yield the name and the shares of each cell, as they are finished."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(table.simulate, **cell): key(table, cell) for table, cell in cells}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)  # a cell that fails, or ctrl-c, does not wait for all others


def write(file: Path, done: dict[str, Shares]) -> None:
    """Replace the file of finished cells, so that it is whole whenever the run is stopped."""
    part = file.with_suffix(".part")
    part.write_text(json.dumps(done, indent=0) + "\n")
    part.replace(file)


if __name__ == "__main__":
    main()
