"""What there is: ``python -m iqbench`` lists the programs."""

import argparse
import sys
from typing import NamedTuple

from iqbench.version import iqbench_version


class Program(NamedTuple):
    """A program of iqbench: its name, what it does, and an example."""

    name: str
    purpose: str
    example: str


PROGRAMS = (
    Program("bench", "benchmark models", "model=iqa data=folder data.root=DIR data.limit=50"),
    Program("plan", "the photos that a difference needs", "RUN --difference 2"),
    Program("sheet", "draw every damage of a suite on one photo", "PHOTO OUT.png --suite extended"),
    Program("subjects", "show photos without their subjects", "DIR --out FOLDER"),
    Program("stack", "fit an ensemble of models", "RESULTS --out ensemble.json"),
    Program("report", "write the exports again, or merge runs", "RUN RUN --out DIR"),
    Program("check", "fail where a model got worse (a gate for CI)", "RUN --baseline OTHER_RUN"),
    Program("resolution", "test verdicts at several sizes", "model=siamese data=folder data.root=DIR"),
    Program("verify", "check that results are complete", "RUN"),
    Program("doctor", "find faults in labels", "data=phototriage data.root=DIR"),
    Program("export", "write the degraded copies, for another program to score", "data=folder data.root=DIR out=DIR"),
    Program("rank", "pick the keepers out of a folder", "DIR"),
    Program("train", "train a model", "model=siamese data=phototriage data.root=DIR"),
    Program("evaluate", "measure agreement with human labels", "model=siamese data=phototriage data.root=DIR"),
)


def main() -> None:
    """List the programs, or print the version."""
    names = [program.name for program in PROGRAMS]
    parser = argparse.ArgumentParser(
        prog="iqbench",
        description="iqbench shows what a model that judges photos is blind to.\n\n"
        + "\n".join(_lines())
        + "\n\nEach program has --help. From Python: iqbench.benchmark(model, photos=FOLDER), iqbench.load(model).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"iqbench {iqbench_version()}")
    _, others = parser.parse_known_args()
    if others:
        name = next((word for word in others if word in names), "bench")
        arguments = " ".join(word for word in others if word != name)
        parser.error(f"{others[0]}: give it to a program: python -m iqbench.{name} {arguments}".rstrip())
    parser.print_help(sys.stdout)


def _lines() -> list[str]:
    width = max(len(program.purpose) for program in PROGRAMS)
    return [
        f"  {name:<10} {purpose:<{width}}  python -m iqbench.{name} {example}" for name, purpose, example in PROGRAMS
    ]


if __name__ == "__main__":
    main()
