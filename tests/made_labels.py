"""Label tables written as one reads them: ``"1: a>b"`` says that in series 1 people prefer a to b, ``a=b`` nobody."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from iqbench.interfaces import PhotoFile
from iqbench.labels import PairTable, VoteTable


def pair_table(*rows):
    """Preferences; the photos are sorted by name, a row without a series is in series 0."""
    parsed = [re.fullmatch(r"(?:(\d+): )?(.+)([<>=])(.+)", row).groups() for row in rows]
    names = sorted({name for _, first, _, second in parsed for name in (first, second)})
    return PairTable(
        tuple(PhotoFile(name, Path(name)) for name in names),
        np.array([names.index(first) for _, first, _, _ in parsed], dtype=int),
        np.array([names.index(second) for _, _, _, second in parsed], dtype=int),
        np.array([{">": 1.0, "<": 0.0, "=": 0.5}[sign] for _, _, sign, _ in parsed]),
        np.ones(len(parsed)),
        np.array([int(series or 0) for series, *_ in parsed], dtype=int),
    )


def vote_table(**means):
    """Ten votes for each photo, all of them its mean."""
    counts = np.array([10 * np.eye(10, dtype=int)[mean - 1] for mean in means.values()]).reshape(-1, 10)
    return VoteTable(tuple(PhotoFile(name, Path(name)) for name in means), counts)


def examined(*tables, same="", lost=""):
    """All photos usable, each of other bytes, but those in ``same`` of the same ones, and those in ``lost`` corrupt."""
    names = sorted({photo.name for table in tables for photo in table.photos})
    return pd.DataFrame(
        {
            "sha256": ["same" if name in same.split() else name for name in names],
            "code": ["corrupt" if name in lost.split() else "ok" for name in names],
            "error": ["cut short" if name in lost.split() else "" for name in names],
        },
        index=names,
    )
