"""Parser of a file of scores: CSV or JSON objects that name a picture and its score, every number exactly."""

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from iqbench.errors import UsageError
from iqbench.parsing import LineErrors, csv_rows, quoted, separator_of

PHOTO_NAMES = ("photo", "image", "image_name", "img_path")
"""Headers of the photos' names; `img_path` is that of Q-Bench's published outputs."""

LOGITS = ("logit_good", "logit_poor")
"""Q-Bench's columns of the two words' logits; their difference ranks photos as its softmax does."""

FORMS = "file,score; photo,variant,score; or photo,score"
SEPARATORS = ",;\t"

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+(?:[eE][+-]?[0-9]+)?")

Key = tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ScoreRows:
    """The rows of a file of scores.

    Args:
        names: What a row names: ``file``; ``photo`` and ``variant``; or ``photo``.
        keys: The names of each row, as in the file.
        scores: The score of each row, as in the file; NaN where the model has no answer.
        lines: The line of each row.
    """

    names: Sequence[str]
    keys: Sequence[Key]
    scores: Float64[np.ndarray, "n"]
    lines: Sequence[int]


def read_score_rows(file: Path) -> ScoreRows:
    """Return the rows of a file of scores.

    Cells are separated by commas, semicolons or tabs. Numbers have a decimal point, or all of them a decimal comma
    where semicolons or tabs separate cells. ``nan`` stands for no answer. Other columns are not read.

    Raises:
        UsageError: If the file or its header cannot be read, or a row is wrong: a wrong number of cells, no number,
            an infinite one, or another score of a picture that an earlier row has.
    """
    errors = LineErrors(file)
    rows = csv_rows(file, errors, SEPARATORS)
    header = [name.strip().lower() for name in next(rows, (1, []))[1]]
    try:
        places = _places(header)
    except UsageError as error:
        errors.raise_if_any()
        raise UsageError(f"{file}: line 1: {error}") from error
    names = [name for name in places if name in ("file", "photo", "variant")]
    with file.open(encoding="utf-8") as text:
        numbers = _Numbers(separator_of(text.readline(), SEPARATORS) != ",")
    first: dict[Key, int] = {}
    keys, scores, lines = list[Key](), list[float](), list[int]()
    for line, row in rows:
        if len(row) != len(header):
            errors.add(line, f"{len(row)} cell{'s' * (len(row) > 1)} instead of {len(header)}{_comma_hint(row)}")
            continue
        key = tuple(row[places[name]] for name in names)
        try:
            if not all(key):
                raise ValueError(f"{names[key.index('')]} is empty")
            score = _score(row, places, numbers)
        except ValueError as error:
            errors.add(line, str(error))
            continue
        at = first.setdefault(key, len(keys))
        if at == len(keys):
            keys.append(key)
            scores.append(score)
            lines.append(line)
        elif not (scores[at] == score or (math.isnan(score) and math.isnan(scores[at]))):
            errors.add(line, f"{quoted(' '.join(key))} has another score in line {lines[at]}")
    errors.raise_if_any()
    if not keys:
        raise UsageError(f"{file}: no scores below the header")
    return ScoreRows(names, keys, np.array(scores, dtype=np.float64), lines)


def _places(header: Sequence[str]) -> dict[str, int]:
    """Return the number of each column that is read."""
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise UsageError(f"two columns are called {quoted(repeated[0])}")
    photo = next((name for name in PHOTO_NAMES if name in header), "photo")
    wanted = {"file": "file", "photo": photo, "variant": "variant", "score": "score"}
    wanted |= {} if "score" in header else {name: name for name in LOGITS}
    places = {part: header.index(name) for part, name in wanted.items() if name in header}
    if "file" in places:  # it tells all; the others came along from the manifest
        places = {part: at for part, at in places.items() if part not in ("photo", "variant")}
    has_score = "score" in places or all(name in places for name in LOGITS)
    if not has_score or not ("file" in places or "photo" in places):
        near = {part: difflib.get_close_matches(part, header, n=1) for part in ("file", "score") if part not in places}
        hint = "".join(f" Is {quoted(names[0])} the {part}? Rename it." for part, names in near.items() if names)
        if len(header) == 1 or any(_NUMBER.fullmatch(name) for name in header):
            hint = " The first line must be the header."
        raise UsageError(f"the header must be {FORMS}; not {quoted(','.join(header))}.{hint}")
    return places


class _Numbers:
    """Reads the numbers of one file, which have either a decimal point or, where it is allowed, a decimal comma.

    Between commas, ``"1,234"`` may be a thousand or one.
    """

    def __init__(self, comma_allowed: bool) -> None:
        self._comma_allowed, self._mark = comma_allowed, ""

    def read(self, cell: str, name: str) -> float:
        """Return the number in a cell.

        Raises:
            ValueError: If it is none, infinite, or written in another way than earlier ones.
        """
        text = cell.strip()
        if text.lower() == "nan":
            return math.nan
        mark = "," if _DECIMAL_COMMA.fullmatch(text) else "." if "." in text else ""
        if mark == "," and not self._comma_allowed:
            raise ValueError(f"{name} is {quoted(cell)}; write a decimal point, or separate cells by ;")
        if mark and self._mark and mark != self._mark:
            raise ValueError(f"{name} is {quoted(cell)}: some numbers have a decimal comma, others a decimal point")
        self._mark = self._mark or mark
        plain = text.replace(",", ".") if mark == "," else text
        if not plain:
            raise ValueError(f"{name} is empty; write nan where the model has no answer")
        if not _NUMBER.fullmatch(plain):
            raise ValueError(f"{name} is {quoted(cell)}, not a number; write nan where the model has no answer")
        number = float(plain)
        if math.isinf(number):
            raise ValueError(f"{name} is {quoted(cell)}, beyond the range of float64")
        return number


def _score(row: Sequence[str], places: Mapping[str, int], numbers: _Numbers) -> float:
    if "score" in places:
        return numbers.read(row[places["score"]], "score")
    good, poor = (numbers.read(row[places[name]], name) for name in LOGITS)
    return good - poor


def _comma_hint(row: Sequence[str]) -> str:
    is_split = len(row) >= 2 and all(re.fullmatch("[+-]?[0-9]+", cell.strip()) for cell in row[-2:])
    return "; a decimal comma must not separate cells: write 0.5, or separate cells by ;" if is_split else ""
