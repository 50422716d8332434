"""Is a row lost, or a pair computed twice, when a benchmark is killed? Twenty times, at moments drawn by a seed.

``python tests/proof/kills.py --photos DIR`` runs the packaged siamese on 50 photos, kills the whole process group
with SIGKILL, starts the same command again, and at the end compares all exports with those of a run that was
left alone.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent.parent))

from fixtures.killed_runs import killed


def main() -> None:
    """Kill, compare, and exit with 1 if anything is lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True, help="a folder of at least 50 photos")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    arguments = ["model=siamese", "data=folder", f"data.root={options.photos}", "data.limit=50"]
    with tempfile.TemporaryDirectory() as folder:
        outcome = killed(arguments, Path(folder), photos=50, kills=options.kills, seed=options.seed)
    console = Console()
    console.print(f"killed {len(outcome.kills)} times, after {outcome.kills} finished photos")
    console.print(f"finished photos that were judged again: {outcome.judged_again}")
    console.print(f"exports are the bytes of a run that was left alone: {outcome.same_bytes}")
    sys.exit(not outcome.same_bytes or outcome.judged_again > 0)


if __name__ == "__main__":
    main()
