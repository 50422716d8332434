"""The command line as Hydra can read it: values that its grammar refuses are quoted, and its own flags come first."""

import os
import re
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from iqbench import commands, paths
from iqbench.errors import UsageError
from iqbench.paths import is_below_home

FOLDER_FLAGS = ("--config-dir", "-cd", "--config-path", "-cp")
VALUE_FLAGS = (*FOLDER_FLAGS, "--config-name", "-cn", "--package", "-p", "--experimental-rerun")
"""Flags of Hydra that are followed by a value."""

_SETTING = re.compile(r"(\+{0,2}~?[A-Za-z_][\w.@/:-]*)=(.+)", re.DOTALL)
_SYNTAX = tuple("'\"[{")
"""First characters of a value that is written in Hydra's own syntax."""


def readable(arguments: Sequence[str]) -> list[str]:
    r"""Return arguments that mean what somebody typed, in an order that Hydra's parser accepts.

    A folder such as ``~/Fotos``, ``Zoë (2023)`` or ``a=b`` needs no quotes of Hydra's own. Values in Hydra's syntax
    stay as they are.

    Raises:
        UsageError: If the folder of a flag begins with ``~``, and there is no home folder.

    Example:
        >>> readable(["out=a=b", "--multirun", "seed=1,2", "data.root=Zoë (2023)"])
        ['--multirun', 'out="a=b"', 'seed=1,2', 'data.root="Zoë (2023)"']
    """
    is_sweep = any(argument in ("-m", "--multirun") for argument in arguments)
    flags: list[str] = []
    settings: list[str] = []
    for argument, before in zip(arguments, ["", *arguments], strict=False):
        if before in VALUE_FLAGS:
            flags.append(_folder(argument) if before in FOLDER_FLAGS else argument)
        elif argument.startswith("-"):
            flag, mark, value = argument.partition("=")
            flags.append(f"{flag}{mark}{_folder(value)}" if flag in FOLDER_FLAGS and value else argument)
        else:
            settings.append(_quoted(argument, is_sweep))
    return flags + settings


def with_positionals(arguments: Sequence[str], key: str) -> list[str]:
    """Return arguments in which those that are neither settings nor flags are one setting, a list.

    A path with ``=`` in it is one if it exists.

    Raises:
        UsageError: If the setting is given as well.

    Example:
        >>> with_positionals(["a b", "--multirun", "c.jpg", "model=iqa"], "photos")
        ['--multirun', 'model=iqa', "photos=['a b',c.jpg]"]
    """
    others, values = list[str](), list[str]()
    for argument, before in zip(arguments, ["", *arguments], strict=False):
        is_flag = argument.startswith("-") or before in VALUE_FLAGS
        is_setting = _SETTING.fullmatch(argument) is not None and not os.path.exists(argument)  # noqa: PTH110
        is_deleted = argument.startswith("~") and not is_below_home(argument)
        (others if is_flag or is_setting or is_deleted else values).append(argument)
    if values and any(argument.startswith(f"{key}=") for argument in others):
        raise UsageError(f"{values[0]}: give it within {key}=[...], or without a key")
    return [*others, commands.override(key, values)] if values else others


def _folder(path: str) -> str:
    return str(paths.expanded(path))


def _quoted(argument: str, is_sweep: bool) -> str:
    setting = _SETTING.fullmatch(argument)
    if setting is None or setting[2].startswith(_SYNTAX):
        return argument
    key, value = setting[1], setting[2]
    if not is_sweep and "," in value and os.path.exists(value):  # noqa: PTH110 - never raises
        return f"{key}={_literal(value)}"
    if not _needs_quotes(key, value):
        return argument
    parts = value.split(",") if is_sweep else [value]
    return f"{key}={','.join(_literal(part) if _needs_quotes(key, part) else part for part in parts)}"


def _needs_quotes(key: str, value: str) -> bool:
    r"""Return whether Hydra would refuse a value, or read another one: it makes one backslash of ``\\\\server``."""
    return value.startswith("\\\\") or not _is_read(f"{key}={value}")


def _literal(value: str) -> str:
    return QuotedString(value, Quote.double).with_quotes()


def _is_read(argument: str) -> bool:
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True
