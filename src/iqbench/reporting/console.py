"""The console on which the programs print their tables."""

import sys

from rich.console import Console

from iqbench.terminal import substitute_unencodable


def wide_console(min_width: int) -> Console:
    """Return a console on standard output, at least ``min_width`` columns wide in a file or a pipe.

    A terminal keeps its own width. A character that the output cannot encode becomes a similar one.
    """
    substitute_unencodable(sys.stdout)
    console = Console()
    return console if console.is_terminal else Console(width=max(min_width, console.width))
