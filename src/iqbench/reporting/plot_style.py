"""Colours, names and files of every plot."""

import warnings
from pathlib import Path
from typing import IO, Any, Literal

from matplotlib import rc_context
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


FigureKind = Literal["png", "pdf", "svg"]
"""Formats of figures: pixels, or vectors."""

_WITHOUT_DATE: dict[FigureKind, dict[str, Any]] = {
    "png": {"Software": None, **STAMP},
    "pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    "svg": {"Creator": None, "Date": None},
}
"""Metadata that are left out, because they change with the day or the version.

A PNG says that iqbench drew it, so that it is never judged as a photo.
"""

_VECTORS: dict[Any, Any] = {"svg.hashsalt": "iqbench", "svg.fonttype": "none", "pdf.fonttype": 42}
"""Settings of vector figures: the same names of elements each time, and text that stays text."""


def save_figure(figure: Figure, file: Path | IO[bytes], kind: FigureKind = "png") -> None:
    """Write a figure. The same figure gives the same bytes."""
    with warnings.catch_warnings(), rc_context(_VECTORS):
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # a name may use any script
        figure.savefig(file, format=kind, metadata=_WITHOUT_DATE[kind])
