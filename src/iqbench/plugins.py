"""Models, degradations and data sets of other packages, which offer them by entry points.

A package names a class, or a function that builds it, in its pyproject.toml::

    [project.entry-points."iqbench.models"]
    brightness = "their_package.models:Brightness"

Then ``model=brightness`` works as if the file were in conf/model. Nothing is imported before it is chosen.
"""

import logging
from collections import Counter
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

GROUPS = {"iqbench.models": "model", "iqbench.degradations": "degradation", "iqbench.data": "data"}
"""The config group of each group of entry points."""


def offered(group: str, own: Path) -> dict[str, dict[str, Any]]:
    """Return the config nodes that installed packages offer in a config group, by the name of the choice.

    A name that iqbench uses itself, or that two packages offer, is left out with a warning.

    Args:
        group: The config group, such as ``model``.
        own: The folder of iqbench's own config files.
    """
    points = [point for kind, name in GROUPS.items() if name == group for point in _points(kind)]
    counts = Counter(point.name for point in points)
    nodes = {}
    for point in points:
        if (own / group / f"{point.name}.yaml").is_file():
            _warn_once(f"{_source(point)} offers {group}={point.name}, which is iqbench's own and stays it")
        elif counts[point.name] > 1:
            sources = ", ".join(sorted(_source(each) for each in points if each.name == point.name))
            _warn_once(f"{group}={point.name} is offered by {sources}; uninstall one of them")
        else:
            node = {"_target_": point.value.replace(":", ".").partition("[")[0].strip()}
            nodes[point.name] = {point.name: node} if group == "degradation" else node
    return nodes


def _points(kind: str) -> list[EntryPoint]:
    """Return the entry points of a kind; one that is installed twice (in two folders of the path) counts once."""
    points = {(point.name, point.value): point for point in entry_points(group=kind)}
    return [points[key] for key in sorted(points)]


def _source(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.value


@cache
def _warn_once(message: str) -> None:
    log.warning("%s", message)
