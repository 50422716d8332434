"""A Python object that a setting names: ``my_module:my_score``, ``package.module.Class``, or ``mine.py:my_score``."""

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from iqbench.errors import MissingResource, UsageError, did_you_mean, one_line
from iqbench.paths import absolute

EXAMPLE = "my_module:my_score"


def located(target: str, key: str) -> Any:
    """Return the object that a text names.

    Args:
        target: ``module:name``, ``module.name``, or ``file.py:name``; the name may be that of an attribute
            (``module:Class.method``).
        key: The setting, for the message.

    Raises:
        MissingResource: If there is no such module or file.
        UsageError: If it cannot be imported, or has no such object.

    Example:
        >>> located("math:sqrt", "model.target")(9.0)
        3.0
        >>> located("math:sqr", "model.target")
        Traceback (most recent call last):
        ...
        iqbench.errors.UsageError: model.target=math:sqr: math has no 'sqr'. Did you mean 'sqrt'?
    """
    where, name = _parts(target, key)
    module = _module(where, f"{key}={target}")
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = did_you_mean(part, [each for each in dir(found) if not each.startswith("_")])
            raise UsageError(f"{key}={target}: {where} has no '{name}'.{near}")
        found = getattr(found, part)
    return found


def dotted(target: str) -> str:
    """Return the dotted name of an object that a text names.

    Example:
        >>> dotted("my_module:my_score"), dotted("folder/mine.py:Net"), dotted("a.b.c")
        ('my_module.my_score', 'mine.Net', 'a.b.c')
    """
    where, mark, name = target.rpartition(":")
    return f"{Path(where).stem if where.endswith('.py') else where}.{name}" if mark else target


def _parts(target: str, key: str) -> tuple[str, str]:
    where, _, name = target.rpartition(":" if ":" in target else ".")
    if not where or not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{key}={target}: must name a module and what is in it, such as {EXAMPLE}")
    return where, name


def _module(name: str, setting: str) -> ModuleType:
    if name.endswith(".py"):
        file = absolute(name, setting.partition("=")[0])
        if not file.is_file():
            raise MissingResource(f"{setting}: there is no file {file}")
        name = file.stem
        _import_from(file.parent)
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise MissingResource(
                f"{setting}: there is no module {name}, neither in the current folder ({Path.cwd()}) nor installed"
            ) from error
        raise MissingResource(f"{setting}: {name} needs {error.name}, which is not installed") from error
    except Exception as error:
        raise UsageError(f"{setting}: {name} cannot be imported ({one_line(error)})") from error
    loaded = getattr(module, "__file__", None)
    if setting.partition("=")[2].rpartition(":")[0].endswith(".py") and (not loaded or Path(loaded).resolve() != file):
        raise UsageError(f"{setting}: another module is called {name} ({loaded}); rename the file")
    return module


def _import_from(folder: Path) -> None:
    """Make the modules of a folder importable, here and in worker processes."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
