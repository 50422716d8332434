"""Commands that a user can copy: each value quoted for Hydra's grammar, each argument for the shell."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

PLAIN = re.compile(r"[a-z_]\w*|\.{0,2}/[\w./+-]*|[a-z_][\w./+-]*[\w/]", re.ASCII | re.IGNORECASE)
"""Texts that Hydra reads as themselves: names and simple paths, which need no quotes."""

WORDS = {"null", "true", "false", "nan", "inf"}
"""Texts that Hydra does not read as text, in any case."""


def command(program: str, *arguments: str | Path) -> str:
    """Return the shell command that runs a program of iqbench.

    Args:
        program: Its module, such as ``bench``.
        *arguments: Its arguments. Overrides come from `override`; a path is never taken for an option.

    Example:
        >>> command("report", Path("my results"))
        "python -m iqbench.report 'my results'"
    """
    words = [_path(argument) if isinstance(argument, Path) else argument for argument in arguments]
    return " ".join(["python", "-m", f"iqbench.{program}", *map(shell_quoted, words)])


def config_folders(folders: Sequence[str]) -> list[str]:
    """Return the arguments that name the user's own config folders; Hydra takes one ``--config-dir``.

    Args:
        folders: The folders, such as ``file:///home/me/myconf``.

    Example:
        >>> config_folders(["file:///home/me/myconf"]), config_folders([])
        (['--config-dir', '/home/me/myconf'], [])
    """
    if len(folders) == 1 and folders[0].startswith("file://"):
        return ["--config-dir", folders[0].removeprefix("file://")]
    return [override("hydra.searchpath", folders)] if folders else []


def override(key: str, value: object) -> str:
    """Return ``key=value`` such that Hydra reads exactly this value, of this type.

    Example:
        >>> override("out", "a=b, c"), override("data.limit", None), override("seed", 3)
        ("out='a=b, c'", 'data.limit=null', 'seed=3')
        >>> override("callbacks", ["checkpoints", "007"])
        "callbacks=[checkpoints,'007']"
    """
    return f"{key}={_value(value)}"


def shell_quoted(argument: str, windows: bool = os.name == "nt") -> str:
    """Return an argument as it is typed in a POSIX shell, or on Windows in ``cmd``.

    ``cmd`` replaces ``%NAME%`` within quotes too, and ends a command at a line break; nothing can be done about that.

    Example:
        >>> shell_quoted("out=a b", windows=False), shell_quoted("out=a b", windows=True)
        ("'out=a b'", '"out=a b"')
    """
    if not windows:
        return shlex.quote(argument)
    if re.fullmatch(r"[\w./\\:=+@~\[\]{}-]+", argument):
        return argument
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', argument)  # as the C runtime splits a command line
    return '"' + re.sub(r"(\\+)\Z", r"\1\1", escaped) + '"'


def _value(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ",".join(map(_value, value)) + "]"
    return _text(str(value))


def _text(text: str) -> str:
    """Return a text for Hydra, in quotes unless it is a plain name or path.

    In quotes a backslash counts only before a quote or at the end; OmegaConf takes ``${`` for an interpolation.
    """
    if PLAIN.fullmatch(text) and text.lower() not in WORDS:
        return text
    escaped = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", escaped)
    return "'" + re.sub(r"(\\+)\Z", r"\1\1", escaped) + "'"


def _path(path: Path) -> str:
    return f".{os.sep}{path}" if str(path).startswith("-") else str(path)
