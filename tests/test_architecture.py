"""Every module of the package is used, and no two import each other."""

import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("iqbench", cache_dir=None)


def named_modules(*folders: str) -> set[str]:
    """The modules that configs and notebooks name, as ``package.module`` or ``from package import module``."""
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in (".yaml", ".ipynb")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    imports = re.findall(r"from (iqbench[\w.]*) import ([\w, ]+)", text)
    imported = {f"{package}.{name.strip()}" for package, names in imports for name in names.split(",")}
    return imported | set(re.findall(r"iqbench(?:\.\w+)+", text))


def is_command(module: str) -> bool:
    path = SOURCE / f"{module.replace('.', '/')}.py"
    return path.is_file() and 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")


def test_every_module_is_imported_or_named_by_a_config_or_a_notebook(graph: grimp.ImportGraph) -> None:
    named = named_modules("conf", "notebooks")
    unused = [
        module
        for module in sorted(graph.modules)
        if not is_command(module)
        and not graph.find_modules_that_directly_import(module)
        and not graph.find_children(module)
        and not any(name == module or name.startswith(f"{module}.") for name in named)
    ]
    assert unused == []


def test_no_two_modules_import_each_other(graph: grimp.ImportGraph) -> None:
    circular = [
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
        if graph.chain_exists(importer=imported, imported=module)
    ]
    assert circular == []
