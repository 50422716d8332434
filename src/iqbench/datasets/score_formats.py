"""Lists of scores that are no CSV: a workbook, a MATLAB file, and the text of TID2013."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from iqbench.datasets.score_list import ScoreList
from iqbench.errors import MissingResource, UsageError
from iqbench.parsing import LineErrors, numbered_lines, quoted


def read_workbook(file: Path, columns: Mapping[str, str]) -> ScoreList:
    """Return the scores in the first sheet of a workbook (.xlsx).

    Args:
        file: The workbook.
        columns: The header of the ``photo`` and of the ``score``.

    Raises:
        MissingResource: If openpyxl is not installed.
        UsageError: If the workbook cannot be read, or a row is wrong.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise MissingResource(
            f"{file}: reading a workbook needs openpyxl (pip install openpyxl); or save its first sheet as CSV, as "
            f"{file.with_suffix('.csv').name} in the same folder"
        ) from error
    try:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        rows = [list(row) for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except Exception as error:
        raise UsageError(f"{file}: cannot be read as a workbook ({type(error).__name__})") from error
    header = [str(cell) for cell in rows[0]] if rows else []
    missing = [columns[part] for part in ("photo", "score") if columns[part] not in header]
    if missing:
        raise UsageError(f"{file}: the first row of the first sheet has no column {missing[0]}")
    photo, score = (header.index(columns[part]) for part in ("photo", "score"))
    errors, found = LineErrors(file), {}
    for line, row in enumerate(rows[1:], start=2):
        name, value = row[photo], row[score]
        if name is None and value is None:
            continue
        if not isinstance(name, str) or not isinstance(value, int | float) or not np.isfinite(value):
            errors.add(line, f"{quoted(str(name))} with {quoted(str(value))} is not a photo with a score")
        elif name in found:
            errors.add(line, f"photo {quoted(name)} is in an earlier line too")
        else:
            found[name] = float(value)
    errors.raise_if_any()
    return ScoreList(list(found), np.array(list(found.values())), np.full(len(found), np.nan))


def read_tid(file: Path) -> ScoreList:
    """Return the scores in TID2013's list. A line is a score and a name: ``5.51429 I01_01_1.bmp``.

    Names are in lower case, since the list mixes both. The reference is the part before the first ``_``.

    Raises:
        UsageError: If the file cannot be read, or a line is wrong.
    """
    errors, found = LineErrors(file), {}
    for number, line in numbered_lines(file, errors):
        match = re.fullmatch(r"\s*([0-9]+\.?[0-9]*)\s+((i[0-9]{2})_[0-9]{2}_[0-9]\.bmp)\s*", line, re.IGNORECASE)
        if match is None:
            errors.add(number, f"{quoted(line)} is not a score and a name such as i01_02_3.bmp")
        elif (name := match[2].lower()) in found:
            errors.add(number, f"photo {name} is in an earlier line too")
        else:
            found[name] = float(match[1]), match[3].lower()
    errors.raise_if_any()
    means, references = zip(*found.values(), strict=True)
    return ScoreList(list(found), np.array(means), np.full(len(found), np.nan), references)


def matlab_array(file: Path, key: str) -> np.ndarray[Any, Any]:
    """Return an array of a MATLAB file, which is read as data.

    Raises:
        UsageError: If the file is missing or damaged, or has no such array.
    """
    from scipy.io import loadmat

    try:
        array: np.ndarray[Any, Any] = loadmat(file)[key]
    except FileNotFoundError as error:
        raise UsageError(f"{file}: no such file") from error
    except Exception as error:
        raise UsageError(f"{file}: cannot be read as a MATLAB file with {key} ({type(error).__name__})") from error
    return array
