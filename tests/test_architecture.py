"""Every module of the package is used, and no two import each other."""

import re
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
ENTRY_POINTS = {"bench", "train", "evaluate", "doctor", "report", "check", "verify"}
"""Modules that a person starts."""


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("iqbench", cache_dir=None)


def text_of(*folders: str) -> str:
    files = [file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in (".yaml", ".ipynb")]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def test_every_module_is_imported_or_named_by_a_config_or_a_notebook(graph: grimp.ImportGraph) -> None:
    named = set(re.findall(r"iqbench(?:\.\w+)+", text_of("conf", "notebooks")))
    unused = [
        module
        for module in sorted(graph.modules)
        if module.removeprefix("iqbench.") not in ENTRY_POINTS
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
