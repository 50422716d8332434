"""Models and damage of other packages, offered by entry points; modules in the current folder."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.config_store import ConfigStore

import iqbench
from fixtures.command_line import run
from iqbench import config, plugins
from iqbench.errors import UsageError

MODULE = """
import torch
from functools import partial
from iqbench.degradations.ladder import Degradation, Ladder, Level
from iqbench.interfaces import Scorer

class Brightness(Scorer):
    def prepare(self, photo):
        return torch.tensor([photo.mean()])

    def encode(self, inputs):
        return inputs

def darker(photo, by):
    return photo // by

def dark():
    return Degradation("technical", [Ladder("", [Level(str(by), partial(darker, by=by)) for by in (2, 4)])])
"""


def install(folder: Path, name: str, **groups: str) -> None:
    """Install a package that offers something, without pip."""
    (folder / f"{name}.py").write_text(MODULE)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    text = "".join(f"[iqbench.{group}]\n{lines}\n" for group, lines in groups.items())
    (info / "entry_points.txt").write_text(text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    plugins._warn_once.cache_clear()
    yield tmp_path
    for name in ("theirs", "others"):
        sys.modules.pop(name, None)


def test_a_class_of_another_package_is_a_choice_like_any_other(folder: Path) -> None:
    install(folder, "theirs", models="their_brightness = theirs:Brightness", degradations="dark = theirs:dark")
    assert "theirs" not in sys.modules
    assert config.choices_of("model")[-1] == "their_brightness"
    assert config.choices_of("degradation")[-1] == "dark"
    assert "theirs" not in sys.modules  # nothing is imported before it is chosen
    photo = np.full((40, 40, 3), 70, np.uint8)
    assert iqbench.load("their_brightness").score(photo) == 70.0
    composed = config.compose("bench", ["model=their_brightness", "degradation=dark"])
    assert composed.degradation.dark._target_ == "theirs.dark"
    assert composed.model._target_ == "theirs.Brightness"


def test_hydras_store_is_as_before_when_another_program_goes_on(folder: Path) -> None:
    install(folder, "theirs", models="their_brightness = theirs:Brightness")
    before = {name: set(each) if isinstance(each, dict) else None for name, each in ConfigStore.instance().repo.items()}
    config.compose("bench", ["model=their_brightness"])
    after = {name: set(each) if isinstance(each, dict) else None for name, each in ConfigStore.instance().repo.items()}
    assert after == before


def test_a_name_of_iqbench_stays_its_own_and_a_name_of_two_packages_is_nobodys(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(folder, "theirs", models="siamese = theirs:Brightness\nbright = theirs:Brightness")
    install(folder, "others", models="bright = others:Brightness")
    assert config.compose("bench", ["model=siamese"]).model._target_ == "iqbench.models.siamese.Siamese"
    assert "theirs offers model=siamese, which is iqbench's own and stays it" in caplog.text
    assert "bright" not in config.choices_of("model")
    assert "model=bright is offered by others, theirs; uninstall one of them" in caplog.text
    with pytest.raises(UsageError, match="no such model"):
        iqbench.load("bright")


def test_a_package_that_cannot_be_imported_is_told_when_it_is_chosen(folder: Path) -> None:
    install(folder, "theirs", models="broken = theirs:Missing")
    assert "broken" in config.choices_of("model")
    with pytest.raises(UsageError, match=r"theirs\.Missing"):
        iqbench.load("broken")


@pytest.mark.slow
def test_a_function_a_class_of_a_package_and_the_model_built_in_give_the_same_table(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(folder, "theirs", models="their_contrast = theirs:Contrast")
    (folder / "theirs.py").write_text("""
import cv2, torch
from iqbench.interfaces import Scorer

def contrast(photo):
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY).astype("float64")
    mean = grey.mean()
    return min(max((grey.std() / mean if mean else 0.0) / 0.8, 0.0), 1.0)

class Contrast(Scorer):
    def prepare(self, photo):
        return torch.tensor([contrast(photo)], dtype=torch.float64)

    def encode(self, inputs):
        return inputs
""")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    common = ["degradation=exposure", "data.limit=3", "name=same", "gallery=0"]
    tables = []
    models = [["model=contrast"], ["model=their_contrast"], ["model=function", "model.target=theirs:contrast"]]
    for at, model in enumerate(models):
        out = tmp_path / f"run{at}"
        assert run("bench", *model, *common, f"out={out}").exit_code == 0
        rows = pd.read_csv(out / "unified_results.csv")
        tables.append(rows.drop(columns=["model_type", "model_fingerprint"]))
    pd.testing.assert_frame_equal(tables[1], tables[2], check_exact=True)
    columns = ["original", "degraded", "prediction", "correct"]
    pd.testing.assert_frame_equal(tables[0][columns], tables[1][columns])


@pytest.mark.slow
def test_a_console_script_finds_a_module_in_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "in_this_folder.py").write_text("def score(photo):\n    return photo.mean()\n")
    script = Path(sys.executable).with_name("iqbench-bench")
    settings = ["model.target=in_this_folder:score", "degradation=blur", "data.limit=2", "out=o"]
    command = [script, "model=function", *settings]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "function" in result.stdout
