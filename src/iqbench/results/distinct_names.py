"""Names for models that share one: what differs in their settings stands behind it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

FIRST = "checkpoint"
"""The setting that names a model best."""

LONGEST = 40
"""Characters of a value that stand behind a name."""

MARK_DIGITS = 8
"""Digits of a mark behind a name."""


@dataclass(frozen=True)
class Namesake:
    """Something with a name: its settings, and a mark that tells it from others of that name and those settings."""

    name: str
    settings: Mapping[str, Any]
    mark: str


def distinct_names(items: Sequence[Namesake]) -> list[str]:
    """Return a name for each item, the same for items of one name and mark, and different for all others.

    A name that stands for one mark stays as it is. Others are followed by ``@`` and what differs in their settings: the
    checkpoint's file, with the part of its path that differs; else the settings that tell them apart, as few as
    possible; and by ``@`` and the start of the mark where the settings do not tell them apart.

    Example:
        >>> paths = ("runs/1/last.ckpt", "runs/2/last.ckpt")
        >>> distinct_names([Namesake("siamese", {"checkpoint": path}, path) for path in paths])
        ['siamese@1/last.ckpt', 'siamese@2/last.ckpt']
        >>> settings = ({"size": 224, "rule": "pad"}, {"size": 224, "rule": "squash"})
        >>> distinct_names([Namesake("siamese", each, each["rule"]) for each in settings])
        ['siamese@rule=pad', 'siamese@rule=squash']
        >>> distinct_names([Namesake("mine", {}, "0123456789ab"), Namesake("mine", {}, "ba9876543210")])
        ['mine@01234567', 'mine@ba987654']
    """
    first: dict[tuple[str, str], Namesake] = {}
    for item in items:
        first.setdefault((item.name, item.mark), item)
    names: dict[tuple[str, str], str] = {}
    for name in dict.fromkeys(item.name for item in items):
        of_name = [item for item in first.values() if item.name == name]
        endings = _endings(of_name) if len(of_name) > 1 else [""]
        names |= {(name, item.mark): name + ending for item, ending in zip(of_name, endings, strict=True)}
    return [names[item.name, item.mark] for item in items]


def _endings(items: Sequence[Namesake]) -> list[str]:
    labels = _labels([_flat(item.settings) for item in items])
    counts = Counter(labels)
    return [
        f"@{label}" * bool(label) + f"@{item.mark[:MARK_DIGITS]}" * (counts[label] > 1)
        for item, label in zip(items, labels, strict=True)
    ]


def _labels(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what differs in some settings: of one that tells all apart, else of all that differ; "" if none does."""
    keys = sorted({key for each in settings for key in each}, key=lambda key: (key != FIRST, key))
    values = {key: [str(each.get(key, "")) for each in settings] for key in keys}
    differing = [key for key in keys if len(set(values[key])) > 1]
    enough = next(([key] for key in differing if len(set(values[key])) == len(settings)), differing)
    columns = [_shown(key, values[key]) for key in enough]
    return [",".join(parts) for parts in zip(*columns, strict=True)] if columns else [""] * len(settings)


def _shown(key: str, values: Sequence[str]) -> list[str]:
    """Return the values of a setting as short as they can be told apart: of paths, the file and what differs."""
    if key.rpartition(".")[2] == "_target_":
        return [value.rpartition(".")[2] for value in values]
    if key == FIRST or any("/" in value or "\\" in value for value in values):
        values = _short_paths(values)
    else:
        values = [value if len(value) <= LONGEST else f"{value[:LONGEST]}..." for value in values]
    return list(values) if key == FIRST else [f"{key}={value}" for value in values]


def _short_paths(paths: Sequence[str]) -> list[str]:
    """Return the file name of each path, after the folders by which paths of equal file names differ.

    Example:
        >>> _short_paths(["a/run1/checkpoints/best.ckpt", "a/run2/checkpoints/best.ckpt", "b/c/last.ckpt"])
        ['run1/.../best.ckpt', 'run2/.../best.ckpt', 'last.ckpt']
    """
    parts = [PurePosixPath(path.replace("\\", "/")).parts[::-1] or ("",) for path in paths]
    return [_short(each, sorted({other for other in parts if other[0] == each[0]})) for each in parts]


def _short(path: Sequence[str], namesakes: Sequence[Sequence[str]]) -> str:
    """Return the file name of a path, after the folders that tell it from its namesakes. All paths are reversed."""
    places, told = [0], 1
    for place in range(1, max(map(len, namesakes))):
        if told == len(namesakes):
            break
        now = len({tuple(other[at : at + 1] for at in (*places, place)) for other in map(tuple, namesakes)})
        if now > told:
            places, told = [*places, place], now
    shown = [path[0]]
    for before, place in pairwise(places):
        shown += ["..."] * (place > before + 1) + list(path[place : place + 1])
    return "/".join(reversed(shown))


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
