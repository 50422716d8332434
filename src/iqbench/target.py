"""A Python object that a setting names: ``my_module:my_score``, ``package.module.Class``, or ``mine.py:my_score``."""

import importlib
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from iqbench.errors import MissingResource, UsageError, described, did_you_mean, one_line, raise_if_terminated
from iqbench.paths import absolute

EXAMPLE = "my_module:my_score"


def located(target: str, key: str) -> Any:
    """Return the object that a text names.

    Args:
        target: ``module:name``, ``module.name``, or ``file.py:name``; the name may be that of an attribute
            (``module:Class.static_method``).
        key: The setting, for the message.

    Raises:
        MissingResource: If there is no such module or file.
        UsageError: If it cannot be imported, has no such object, or it is a method that needs an object of its class.

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
        if isinstance(found, type) and inspect.isfunction(inspect.getattr_static(found, part)):
            raise UsageError(
                f"{key}={target}: a method needs an object; write {part} = {found.__name__}().{part} into {where}, and "
                f"name that"
            )
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
    where, _, name = str(target).rpartition(":" if ":" in str(target) else ".")
    is_file = name == "py" and where and ":" not in target
    if not isinstance(target, str) or not where or is_file or not all(part.isidentifier() for part in name.split(".")):
        example = f"{target}:my_score" if is_file else EXAMPLE
        text = "null" if target is None else target
        raise UsageError(f"{key}={text}: must name a module and what is in it, such as {example}")
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
    except SystemExit as end:
        raise_if_terminated(end)
        raise UsageError(
            f"{setting}: {name} ends the program when it is imported ({one_line(end)}); put its own program below "
            'if __name__ == "__main__":'
        ) from end
    except Exception as error:
        hint = "; name it by its package, as package.module:name" if "relative import" in str(error) else ""
        raise UsageError(f"{setting}: {name} cannot be imported ({described(error)}){hint}") from error
    loaded = getattr(module, "__file__", None)
    if setting.partition("=")[2].rpartition(":")[0].endswith(".py") and (not loaded or Path(loaded).resolve() != file):
        raise UsageError(f"{setting}: another module is called {name} ({loaded}); rename the file")
    return module


def _import_from(folder: Path) -> None:
    """Make the modules of a folder importable, here and in worker processes."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
