"""Every notebook runs from top to bottom on a real small run, and keeps no output in the repository."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from cli import TINY, run
from data_sets import write_ava

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def shown_by(notebook: str, folder: Path) -> set[str]:
    """Run a notebook, and return what kinds of output its cells have."""
    content = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in content.cells), "clear the outputs before committing"
    NotebookClient(content, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return {kind for cell in content.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}


def test_a_first_look_runs_on_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = run("bench", "-m", "model=iqa,contrast", "data.limit=2", f"out={tmp_path / 'sweep'}")
    assert outcome.exit_code == 0, outcome.err
    monkeypatch.setenv("IQBENCH_RUN", str(tmp_path / "sweep"))
    assert {"image/png", "text/html", "text/markdown"} <= shown_by("first_look", tmp_path)


def test_the_history_of_a_training_runs_on_votes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ava(tmp_path / "ava", photos=20, test=4)
    recipe = ("model=ava", *TINY, "data=ava", f"data.root={tmp_path / 'ava'}", "data.validation_share=0.3")
    short = ("trainer.max_epochs=2", "trainer.accelerator=cpu", "trainer.log_every_n_steps=1", "examples.workers=0")
    outcome = run("train", *recipe, *short, f"data.cache={tmp_path / 'cache'}", f"out={tmp_path / 'training'}")
    assert outcome.exit_code == 0, outcome.err
    monkeypatch.setenv("IQBENCH_TRAINING", str(tmp_path / "training"))
    assert {"image/png", "text/html"} <= shown_by("training_history", tmp_path)


def test_no_notebook_is_without_a_test() -> None:
    tested = {"first_look", "training_history"}
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == tested
