"""What people say of a level of damage: the mean opinion in KADID-10k, of the same function at the same parameter.

The numbers in opinions.csv are means that were computed from the published ratings, with 95 % intervals over photos.
Nothing else of the data set is here. Each rests on 14 of the 81 photos, drawn evenly (I01-I04, I21-I24, I41-I43 and
I61-I63), with about 30 ratings each, from 1 (very annoying) to 5 (imperceptible).

Four of its 25 types are the same damage as one here: Gaussian blur by sigma (there cut off at 2 sigma, here at 3), JPEG
by quality, JPEG 2000 by rate (of another encoder), and Gaussian noise, whose variances are standard deviations here.
Its other types are other functions, whatever they are called: motion blur and defocus blur sRGB values there and light
here, over-sharpening has another radius, saturation changes in another colour space.

Source:
    Lin, Hosu and Saupe, *KADID-10k: A Large-scale Artificially Distorted IQA Database*, QoMEX 2019; dmos.csv, whose
    column ``dmos`` is a mean opinion: higher is better.
"""

import csv
import math
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from iqbench.statistics.estimate import Interval

TABLE = Path(__file__).with_name("opinions.csv")

SOURCE = (
    "People: the mean opinion of the same damage in KADID-10k (Lin, Hosu and Saupe 2019), from 1, very annoying, to 5, "
    "imperceptible; 14 of its photos, about 30 people each; ≈ lies between two of its levels. Its photos are "
    "512 x 384: a level in pixels is milder on a larger photo."
)
"""What the numbers are, for a report."""


class Opinion(NamedTuple):
    """The mean opinion of a level, its 95 % interval, and whether it lies between two rated levels."""

    value: float
    interval: Interval
    interpolated: bool

    def __str__(self) -> str:
        return f"{'≈' * self.interpolated}{self.value:.1f}"


def opinion(ladder: str, unit: str, level: str) -> Opinion | None:
    """Return what people say of a level; None where it was not rated and does not lie between two rated levels.

    Between two levels the opinion is taken to change evenly with the logarithm of the amount.

    Args:
        ladder: The ladder, such as ``blur``.
        unit: The unit of its amounts. With another one it is other damage of the same name.
        level: The level's name, its amount.

    Example:
        >>> str(opinion("blur", "px", "2.0")), str(opinion("blur", "px", "4.0"))
        ('1.9', '≈1.5')
        >>> opinion("jpeg", "quality", "80"), opinion("blur", "frames", "2")
        (None, None)
    """
    rated = _table().get((ladder, unit), {})
    try:
        amount = float(level)
    except ValueError:
        return None
    for known, (value, *ends) in rated.items():
        if math.isclose(known, amount, rel_tol=0.005):
            return Opinion(value, (ends[0], ends[1]), interpolated=False)
    for (low, below), (high, above) in pairwise(sorted(rated.items())):
        if low < amount < high:
            share = math.log(amount / low) / math.log(high / low)
            value, *ends = ((1 - share) * a + share * b for a, b in zip(below, above, strict=True))
            return Opinion(value, (ends[0], ends[1]), interpolated=True)
    return None


@cache
def _table() -> dict[tuple[str, str], dict[float, tuple[float, float, float]]]:
    """Return the opinion and the ends of its interval, by type and unit, then by amount."""
    table: dict[tuple[str, str], dict[float, tuple[float, float, float]]] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            numbers = float(row["opinion"]), float(row["low"]), float(row["high"])
            table.setdefault((row["type"], row["unit"]), {})[float(row["amount"])] = numbers
    return table
