"""Every notebook runs from top to bottom on a real small run, and keeps no output in the repository."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from cli import run

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run("bench", "-m", "model=iqa,contrast", "data.limit=2", f"out={tmp_path / 'sweep'}")
    assert outcome.exit_code == 0, outcome.err
    monkeypatch.setenv("IQBENCH_RUN", str(tmp_path / "sweep"))
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear the outputs before committing"
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert {"image/png", "text/html", "text/markdown"} <= kinds
