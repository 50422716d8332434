"""The user's own code: the files of the objects that settings name, and the files of theirs that these import."""

import ast
import hashlib
import inspect
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

import hydra

from iqbench.target import dotted

_PACKAGE = Path(__file__).resolve().parent
_STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"]).resolve()
_INSTALLED = {"site-packages", "dist-packages"}
"""Names of the folders of installed packages."""


def custom_code(settings: object) -> str:
    """Return a digest of the user's own code that settings call: 12 hex digits of its files, "" if there is none.

    The files are those of the objects that ``_target_`` names, and the files beside them or in their package that they
    import. Of an installed package the file of the object and the version count. iqbench's own code is identified by
    its version instead.
    """
    return _digest(module for target in targets(settings) if (module := _module_of(target)))


def code_of_class(kind: type) -> str:
    """Return a digest of the user's own files that define a class and its bases, "" if there are none."""
    names = (base.__module__ for base in kind.__mro__)
    return _digest(module for name in names if is_users(name) and (module := sys.modules.get(name)))


def targets(settings: object) -> Iterator[str]:
    """Yield the dotted names of the Python objects that settings build or call, at any depth."""
    if isinstance(settings, Mapping):
        if isinstance(settings.get("_target_"), str):
            yield settings["_target_"]
        if isinstance(settings.get("target"), str):  # of an adapter: module:name
            yield dotted(settings["target"])
        for value in settings.values():
            yield from targets(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from targets(value)


def is_own(name: str) -> bool:
    """Return whether a dotted name is that of a module or object of iqbench."""
    return name.partition(".")[0] == __package__


def is_users(module: str) -> bool:
    """Return whether a module is the user's own: not iqbench's, Python's or an installed package's."""
    if is_own(module) or module.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
        return False
    loaded = sys.modules.get(module)
    return loaded is None or not _is_installed(_file(loaded))


def _module_of(target: str) -> ModuleType | None:
    try:
        return inspect.getmodule(hydra.utils.get_object(target))
    except (ImportError, AttributeError, ValueError):  # such as a class inside a function
        return None


def _digest(modules: Iterable[ModuleType]) -> str:
    contents: dict[Path, bytes] = {}
    for module in modules:
        file = _file(module)
        if file is None or file.is_relative_to(_PACKAGE):
            continue
        if _is_installed(file):
            library = sys.modules.get(module.__name__.partition(".")[0])
            contents[file] = file.read_bytes() + str(getattr(library, "__version__", "")).encode()
        elif not file.is_relative_to(_STANDARD_LIBRARY):
            contents |= {each: _content(each) for each in _with_imports(file, _name(module))}
    return hashlib.sha256(b"".join(sorted(contents.values()))).hexdigest()[:12] if contents else ""


def _file(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file and Path(file).is_file() else None


def _name(module: ModuleType) -> str:
    """Return the dotted name of a module, that of the file too where it was started with ``-m``."""
    return str(getattr(module.__spec__, "name", None) or module.__name__)


def _is_installed(file: Path | None) -> bool:
    return file is not None and not _INSTALLED.isdisjoint(file.parts)


def _content(file: Path) -> bytes:
    return file.read_bytes().replace(b"\r\n", b"\n")  # the same code, checked out on Windows


def _with_imports(file: Path, name: str) -> set[Path]:
    """Return a file and those of its imports that lie in the folder from which it is imported, directly or not."""
    depth = name.count(".") + (file.stem == "__init__")
    roots = {file.parent, file.parents[min(depth, len(file.parents) - 1)]}
    found, waiting = {file}, [file]
    while waiting:
        for imported in _imports(waiting.pop(), roots) - found:
            found.add(imported)
            waiting.append(imported)
    return found


def _imports(file: Path, roots: Iterable[Path]) -> set[Path]:
    """Return the files below the roots that a Python file may import, wherever in it the import stands."""
    found = set[Path]()
    for folder, name in _imported_names(file):
        for root in roots if folder is None else [folder]:
            place = root
            for part in name.split("."):
                found |= _modules(place, part)
                place /= part
    return found


def _modules(folder: Path, name: str) -> set[Path]:
    places = (folder / f"{name}.py", folder / name / "__init__.py")
    files = {place.resolve() for place in places if place.is_file()}
    return {file for file in files if not (_is_installed(file) or file.is_relative_to(_PACKAGE))}


def _imported_names(file: Path) -> list[tuple[Path | None, str]]:
    """Return the dotted names that a file imports, each with the folder that a relative one starts from."""
    try:
        return _parsed(_content(file), file)
    except (SyntaxError, ValueError, OSError, RecursionError):  # compiled, or not for this version of Python
        return []


@cache
def _parsed(content: bytes, file: Path) -> list[tuple[Path | None, str]]:
    names: list[tuple[Path | None, str]] = []
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            names += [(None, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            folder = file.parents[min(node.level, len(file.parents)) - 1] if node.level else None
            prefix = f"{node.module}." if node.module else ""
            names += [(folder, f"{prefix}{alias.name}") for alias in node.names]
    return names
