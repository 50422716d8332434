"""What a sweep over AVA would take: 255,530 photos and three models on 1, 8 and 64 devices like the one measured.

``python tests/speed/cost.py speed.json`` reads what ``make speed ARGS="--json speed.json"`` measured on this
machine; run that on one node of your cluster first. Shards are independent of each other, so hours fall with
their number; what does not is starting them and merging their results, which is measured in seconds and minutes.
"""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

PHOTOS, MODELS, PICTURES = 255_530, 3, 30
"""Pictures a photo: the original, 27 variants, two controls."""

DEVICES = (1, 8, 64)


def hours(pictures_per_s: float, devices: int) -> float:
    """Return how long the sweep takes, if each device encodes so many pictures a second from file to margin."""
    return PHOTOS * MODELS * PICTURES / pictures_per_s / devices / 3600


def main() -> None:
    """Print a row for each network that was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measured", type=Path, help="the file that make speed wrote")
    measured = json.loads(parser.parse_args().measured.read_text())
    table = Table("as measured here", "pictures/s", *(f"{count} devices, h" for count in DEVICES))
    for rate in measured["rates"]:
        times = (f"{hours(rate['pictures_per_s'], count):,.1f}" for count in DEVICES)
        table.add_row(rate["what"], f"{rate['pictures_per_s']:.0f}", *times)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
