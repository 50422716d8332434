"""What a store's tables hold: photos, a model's answers about pairs, what it said when asked again, and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

FILE_NAME = "results.sqlite"

SCHEMA = """
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE variants (
    position INTEGER PRIMARY KEY, key TEXT UNIQUE NOT NULL, degradation_type TEXT NOT NULL,
    degradation_group TEXT NOT NULL, ladder TEXT NOT NULL, degradation_level TEXT NOT NULL, severity INTEGER NOT NULL,
    amount REAL, unit TEXT NOT NULL
);
CREATE TABLE photos (
    name TEXT PRIMARY KEY, sha256 TEXT, file_bytes INTEGER, width INTEGER, height INTEGER,
    seen_in_training INTEGER NOT NULL, status TEXT NOT NULL, error TEXT NOT NULL, notes TEXT NOT NULL,
    brightness REAL, sharpness REAL, encoded_bytes INTEGER
);
CREATE TABLE pairs (
    photo TEXT NOT NULL, reference TEXT NOT NULL, variant TEXT NOT NULL, forward REAL, backward REAL,
    score_reference REAL, score_variant REAL, input_change REAL, variant_pixels INTEGER, input_change_max REAL,
    variant_brightness REAL, variant_sharpness REAL, variant_bytes INTEGER,
    status TEXT NOT NULL, error TEXT NOT NULL, PRIMARY KEY (photo, reference, variant)
);
CREATE TABLE repeats (
    photo TEXT NOT NULL, variant TEXT NOT NULL, forward REAL NOT NULL, backward REAL NOT NULL,
    PRIMARY KEY (photo, variant)
);
CREATE TABLE exhibits (
    sha256 TEXT NOT NULL, variant TEXT NOT NULL, whole_original BLOB NOT NULL, whole_degraded BLOB NOT NULL,
    detail_original BLOB NOT NULL, detail_degraded BLOB NOT NULL, input_original BLOB, input_degraded BLOB,
    input_about TEXT NOT NULL, PRIMARY KEY (sha256, variant)
);
"""

FORMAT = 2
"""Of the tables; a store of another one is refused."""

ORIGINAL = "original"
"""The reference of the pairs that verdicts are about; other references are the next milder level."""


@dataclass(frozen=True)
class PhotoRow:
    """A photo as it was read, or why it could not be."""

    name: str
    sha256: str | None
    file_bytes: int | None
    width: int | None
    height: int | None
    seen_in_training: bool = False
    status: str = "ok"
    error: str = ""
    notes: str = ""
    brightness: float | None = None
    sharpness: float | None = None
    encoded_bytes: int | None = None


@dataclass(frozen=True)
class PairRow:
    """A model's answers about one pair: margins for ``reference`` first and for it second, and scores."""

    photo: str
    reference: str
    variant: str
    forward: float | None = None
    backward: float | None = None
    score_reference: float | None = None
    score_variant: float | None = None
    input_change: float | None = None
    variant_pixels: int | None = None
    input_change_max: float | None = None
    variant_brightness: float | None = None
    variant_sharpness: float | None = None
    variant_bytes: int | None = None
    status: str = "ok"
    error: str = ""


@dataclass(frozen=True)
class Repeat:
    """A model's margins about a photo and one of its variants when it was asked again."""

    photo: str
    variant: str
    forward: float
    backward: float


@dataclass(frozen=True)
class Exhibit:
    """Pictures of a photo and one of its variants, as JPEG: small, at 100 %, and as the model saw them.

    ``input_original`` and ``input_degraded`` are None where the model's input is no picture; ``input_about``
    says what it is.
    """

    sha256: str
    variant: str
    whole_original: bytes
    whole_degraded: bytes
    detail_original: bytes
    detail_degraded: bytes
    input_original: bytes | None
    input_degraded: bytes | None
    input_about: str


def cells(variants: Sequence[dict[str, Any]]) -> set[tuple[str, str]]:
    """Return the pairs that are planned of a photo: the original and each variant, each level and the next."""
    steps = pairwise(sorted(variants, key=lambda variant: variant["position"]))
    planned = {(ORIGINAL, str(variant["key"])) for variant in variants}
    return planned | {(mild["key"], harsh["key"]) for mild, harsh in steps if mild["ladder"] == harsh["ladder"]}


LADDER_KEYS = {"sigma", "quality", "stops", "edge", "corner", "shape", "share", "keep"}
"""Settings that only choose levels: two runs may hold different ones, since every level has its own name."""
