"""Parser of a CSV of mean opinions: a photo and its score per row, under the names that data sets use for columns."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from iqbench.errors import UsageError, did_you_mean
from iqbench.interfaces import Split
from iqbench.parsing import LineErrors, csv_rows, path_error, quoted

log = logging.getLogger(__name__)

COLUMNS: Mapping[str, Sequence[str]] = {
    "photo": (
        *("photo", "image", "image_name", "image_path", "img", "img_name", "img_path", "dist_img"),
        *("path", "file", "file_name", "filename", "name"),
    ),
    "score": ("score", "mos", "dmos", "gt_score", "mean_opinion_score"),
    "sd": ("sd", "std", "stddev", "std_dev", "mos_std", "var", "variance"),
    "reference": ("reference", "ref", "ref_img", "ref_image", "reference_image", "series"),
    "split": ("split", "set"),
}
"""The names of each column in the lists of data sets; case, spaces and hyphens do not count."""

REQUIRED = ("photo", "score")
VARIANCES = ("var", "variance")
DIFFERENCES = ("dmos",)
"""Names of scores of which some sets count the damage, and some the quality."""

SPLIT_NAMES: Mapping[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LARGEST = 1e9


@dataclass(frozen=True, eq=False)
class ScoreList:
    """The rows of a list of scores, higher is better. A path is as in the list.

    ``reference`` and ``splits`` have one entry for each row, or none at all where the list does not tell.
    """

    photos: Sequence[str]
    means: Float[np.ndarray, "n"]
    sd: Float[np.ndarray, "n"]
    references: Sequence[str] = ()
    splits: Sequence[Split] = ()


def read_scores(file: Path, columns: Mapping[str, str | None], higher_is_better: bool | None = None) -> ScoreList:
    """Return the scores in a CSV. Nothing but the list is opened: the photos need not be there.

    Of a column that is found by its name ``var`` or ``variance``, the standard deviation is the square root; a column
    that ``columns`` names holds the standard deviation itself.

    Args:
        file: The list.
        columns: The header of a column for each part of `COLUMNS`; None looks for one of its usual names, "" reads no
            such column.
        higher_is_better: Whether a higher score is a better photo; otherwise scores change their sign. None is yes,
            and refuses a column ``dmos``.

    Raises:
        UsageError: If the file or its header cannot be read, a column is missing or unclear, or a row is wrong: a
            wrong number of cells, a path with ``..``, no number, or a photo that another row has.
    """
    errors = LineErrors(file)
    rows = csv_rows(file, errors)
    header = next(rows, (1, []))[1]
    try:
        places = _places(header, columns)
    except UsageError as error:
        errors.raise_if_any()
        raise UsageError(f"{file}: line 1: {error}") from error
    sign = _sign(file, _plain(header[places["score"]]), higher_is_better)
    is_variance = not columns.get("sd") and "sd" in places and _plain(header[places["sd"]]) in VARIANCES
    log.info("%s: %s", file, _columns_text(header, places, sign, is_variance))
    first: dict[str, int] = {}
    found: list[tuple[str, float, float, str, Split]] = []
    for line, row in rows:
        if len(row) != len(header):
            errors.add(line, f"{len(row)} cell{'s' * (len(row) > 1)} instead of {len(header)}")
            continue
        cells = {part: row[at].strip() if part != "photo" else row[at] for part, at in places.items()}
        if reasons := _reasons(cells):
            for reason in reasons:
                errors.add(line, reason)
            continue
        if (earlier := first.setdefault(cells["photo"], line)) != line:
            errors.add(line, f"photo {quoted(cells['photo'])} is in line {earlier} too")
        spread = float(cells["sd"]) if cells.get("sd") else np.nan
        split = SPLIT_NAMES[cells["split"].lower()] if "split" in cells else "test"
        spread = float(np.sqrt(spread)) if is_variance else spread
        found.append((cells["photo"], sign * float(cells["score"]), spread, cells.get("reference", ""), split))
    errors.raise_if_any()
    if not found:
        raise UsageError(f"{file}: no photos below the header")
    photos, means, sd, references, splits = zip(*found, strict=True)
    return ScoreList(
        photos,
        np.array(means),
        np.array(sd),
        references if "reference" in places else (),
        splits if "split" in places else (),
    )


def _places(header: Sequence[str], columns: Mapping[str, str | None]) -> dict[str, int]:
    """Return the number of each column that is there."""
    if len(header) == 1 and re.search("[;\t]", header[0]):
        raise UsageError("the cells must be separated by commas")
    plain = [_plain(name) for name in header]
    unknown = [part for part in columns if part not in COLUMNS]
    if unknown:
        raise UsageError(f"data.columns.{unknown[0]}: must be one of {', '.join(COLUMNS)}")
    places = {}
    for part, names in COLUMNS.items():
        given = columns.get(part)
        if given == "" and part not in REQUIRED:
            continue
        wanted = names if given is None else (_plain(str(given)),)
        matching = [at for at, name in enumerate(plain) if name in wanted]
        if len(matching) > 1 and part in REQUIRED:
            both = ", ".join(header[at] for at in matching)
            raise UsageError(f"several columns may be the {part} ({both}); choose one with data.columns.{part}=NAME")
        if len(matching) == 1:
            places[part] = matching[0]
        elif given is not None:
            hint = did_you_mean(str(given), header)
            raise UsageError(f"data.columns.{part}={given}: there is no such column, or there are two.{hint}")
        elif part in REQUIRED:
            raise UsageError(
                f"no column is called {_listed(names)} (the header is {quoted(','.join(header))}); "
                f"name the column of the {part} with data.columns.{part}=NAME"
            )
    return places


def _plain(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:3])} or the like"


def _sign(file: Path, score: str, higher_is_better: bool | None) -> int:
    if higher_is_better is None and score in DIFFERENCES:
        raise UsageError(
            f"{file}: column {score}: some sets count damage (LIVE, CSIQ), some quality (KADID-10k); "
            "say which with data.higher_is_better=false or true"
        )
    return -1 if higher_is_better is False else 1


def _columns_text(header: Sequence[str], places: Mapping[str, int], sign: int, is_variance: bool) -> str:
    """Return one line that names the columns that are read."""
    changes = {"score": "minus " * (sign < 0), "sd": "square root of " * is_variance}
    parts = [f"{part} = {changes.get(part, '')}{header[at].strip()}" for part, at in places.items()]
    others = [header[at] for at in range(len(header)) if at not in places.values()]
    return f"{', '.join(parts)}" + (f"; not read: {', '.join(others)}" if others else "")


def _reasons(cells: Mapping[str, str]) -> list[str]:
    """Return why a row cannot be used."""
    reasons = []
    if reason := path_error(cells["photo"], "data.root"):
        reasons.append(f"photo {reason}")
    if not _is_number(cells["score"]):
        reasons.append(f"score is {quoted(cells['score'])}, not a number")
    if (spread := cells.get("sd")) and not (_is_number(spread) and float(spread) >= 0):
        reasons.append(f"sd is {quoted(spread)}, not a number from 0")
    if "split" in cells and cells["split"].lower() not in SPLIT_NAMES:
        reasons.append(
            f'split is {quoted(cells["split"])}, not training, validation or test (data.columns.split="" reads none)'
        )
    return reasons


def _is_number(text: str) -> bool:
    return bool(_NUMBER.fullmatch(text)) and abs(float(text)) <= _LARGEST
