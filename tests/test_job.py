"""The job that Hydra runs: the folder of a sweep's job is named after what it has chosen."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fixtures.command_line import run
from iqbench.job import choice


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("degradation=[blur,noise]", "blur+noise"),
        ("degradation=[jpeg]", "jpeg"),
        ("model.x=[1,2]", "none"),
        ("seed=1", "none"),
    ],
)
def test_a_choice_that_hydra_does_not_name_is_that_of_the_override(override: str, name: str) -> None:
    hydra = {"runtime": {"choices": {"model": "iqa", "degradation": None}}, "overrides": {"task": ["a=b", override]}}
    config = OmegaConf.create({"hydra": hydra, "named": "${iqbench.choice:model}_${iqbench.choice:degradation}"})
    assert config.named == f"iqa_{name}"
    assert choice("data", _root_=config) == "none"


@pytest.mark.slow
def test_jobs_with_several_kinds_of_damage_have_folders_of_their_names(tmp_path: Path) -> None:
    out = tmp_path / "out"
    chosen = "degradation=[blur,noise],[jpeg]", "data.limit=2", "engine.workers=0"
    done = run("bench", "-m", "model=iqa", *chosen, f"out={out}")
    assert done.exit_code == 0, done.err
    assert {"0_iqa_blur+noise", "1_iqa_jpeg"} < {place.name for place in out.iterdir()}
