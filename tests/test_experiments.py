"""Every recipe in conf/experiment is short, says what it is, and trains."""

import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fixtures.command_line import run
from fixtures.labelled_sets import write_ava, write_phototriage
from iqbench import config

RECIPES = sorted((config.CONF_DIR / "experiment").glob("*.yaml"))
WRITERS = {"phototriage": write_phototriage, "ava": write_ava}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_says_how_to_call_it_and_what_to_expect(recipe: Path) -> None:
    text = recipe.read_text()
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    assert len(text.splitlines()) < 20
    assert f"python -m iqbench.train experiment={recipe.stem} " in head
    assert re.search(r"Takes|Time:", head)
    assert re.search(r"Expected|writes", head)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_trains_a_batch(recipe: Path, folder: Path, tmp_path: Path) -> None:
    data = next(d["override /data"] for d in OmegaConf.load(recipe).defaults if "override /data" in d)
    root = folder if data == "folder" else tmp_path / data
    if data in WRITERS:
        WRITERS[data](root)
    small = ["model.backbone=tiny", "model.weights=none", "model.size=48", "examples.batch_size=4"]
    types = "taught" if "weights" in OmegaConf.load(recipe).get("self_supervision", {}) else "jpeg"
    settings = [f"data.root={root}", f"out={tmp_path / 'out'}", "trainer.accelerator=cpu", f"degradation={types}"]
    settings += [] if data == "folder" else [f"data.cache={tmp_path / 'cache'}"]
    if "features" in OmegaConf.load(recipe).get("examples", {}):
        settings += ["model.levels=[0,1]", f"examples.features={tmp_path / 'features'}"]
    outcome = run("train", f"experiment={recipe.stem}", "debug=fast", *small, *settings)
    assert outcome.exit_code == 0, outcome.err
    assert "a trial of one batch" in outcome.err
