"""Every notebook runs from top to bottom on a small run, and is stored without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from fixtures.command_line import TINY, run
from fixtures.labelled_sets import write_ava

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


def output_types(notebook: str, folder: Path) -> set[str]:
    """Run a notebook, and return the MIME types of its outputs."""
    content = nbformat.read(NOTEBOOKS / f"{notebook}.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in content.cells), "clear the outputs before committing"
    NotebookClient(content, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    return {kind for cell in content.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sweep of two models, one of them a network, on two of the sample photos."""
    network = ("model=siamese", *TINY, "model.checkpoint=untrained")
    common = ("data.limit=2", "engine.workers=0")
    for name, arguments in {"network": network, "contrast": ("model=contrast",)}.items():
        outcome = run("bench", *arguments, *common, f"out={tmp_path / 'sweep' / name}")
        assert outcome.exit_code == 0, outcome.err
    outcome = run("report", tmp_path / "sweep")
    assert outcome.exit_code == 0, outcome.err
    monkeypatch.setenv("IQBENCH_RUN", str(tmp_path / "sweep"))
    return tmp_path / "sweep"


@pytest.mark.usefixtures("sweep")
def test_failure_cases_runs_on_a_sweep(tmp_path: Path) -> None:
    assert {"image/png", "text/html"} <= output_types("failure_cases", tmp_path)


@pytest.mark.usefixtures("sweep", "training")
def test_model_behavior_runs_on_a_sweep_and_a_training(tmp_path: Path) -> None:
    assert {"image/png", "text/html", "text/markdown"} <= output_types("explore_model_behavior", tmp_path)


@pytest.mark.usefixtures("training")
def test_the_history_of_a_training_runs_on_votes(tmp_path: Path) -> None:
    assert {"image/png", "text/html"} <= output_types("training_history", tmp_path)


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short training on votes."""
    write_ava(tmp_path / "ava", photos=20, test=4)
    recipe = ("model=ava", *TINY, "data=ava", f"data.root={tmp_path / 'ava'}", "data.validation_share=0.3")
    short = ("trainer.max_epochs=2", "trainer.accelerator=cpu", "trainer.log_every_n_steps=1", "examples.workers=0")
    outcome = run("train", *recipe, *short, f"data.cache={tmp_path / 'cache'}", f"out={tmp_path / 'training'}")
    assert outcome.exit_code == 0, outcome.err
    monkeypatch.setenv("IQBENCH_TRAINING", str(tmp_path / "training"))


@pytest.mark.slow
def test_own_models_are_benchmarked_in_a_notebook(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IQBENCH_PHOTOS", str(folder))
    assert {"image/png", "text/html"} <= output_types("own_models", tmp_path)


def test_no_notebook_is_without_a_test() -> None:
    tested = {"explore_model_behavior", "failure_cases", "own_models", "training_history"}
    assert {path.stem for path in NOTEBOOKS.glob("*.ipynb")} == tested
