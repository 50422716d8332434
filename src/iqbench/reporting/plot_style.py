"""Colours, names and files of every plot."""

import warnings
from pathlib import Path
from typing import IO

from matplotlib.figure import Figure

from iqbench.outputs import STAMP
from iqbench.reporting.text_format import one_line

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""The palette of Okabe and Ito without its yellow, which is too pale for a line."""

MARKERS = "osD^vPX"
INK, FAINT, GRID = "#222222", "#777777", "#e6e6e6"
LONGEST_NAME = 28


def drawable(name: str, longest: int = LONGEST_NAME) -> str:
    r"""Return a name that is short enough for an axis and holds no formula for matplotlib.

    Example:
        >>> drawable("$x$ and a long name", longest=8)
        '\\$x\\$ and…'
    """
    name = one_line(name)
    name = name if len(name) <= longest else name[: longest - 1] + "…"
    return name.replace("$", r"\$")


def save_png(figure: Figure, file: Path | IO[bytes]) -> None:
    """Write a figure as PNG. The same figure gives the same bytes, so no software version is stored.

    The picture says that iqbench drew it, so that it is never judged as a photo.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name may use any script
        figure.savefig(file, format="png", metadata={"Software": None, **STAMP})
