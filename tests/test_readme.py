"""What the README shows works as it stands there."""

import re
import shlex
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fixtures.command_line import run
from iqbench import config

README = (Path(__file__).parent.parent / "README.md").read_text()
COMMANDS = re.findall(r"^python -m iqbench\.(bench|train|evaluate) (.*)$", README, re.MULTILINE)


@pytest.mark.parametrize(("program", "arguments"), COMMANDS)
def test_every_command_names_choices_and_keys_that_exist(program: str, arguments: str) -> None:
    overrides = [word for word in shlex.split(arguments, comments=True) if "=" in word]
    composed = config.compose(program, [re.sub(r"range\(\d+\)", "0", one.split(",")[0]) for one in overrides])
    assert OmegaConf.select(composed, "model._target_").startswith("iqbench.models.")


def test_the_model_of_ones_own_is_benchmarked(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, language in (("mine.py", "python"), ("myconf/model/brightness.yaml", "yaml")):
        found = re.search(rf"```{language}\n# {re.escape(name)}\n(.*?)```", README, re.DOTALL)
        assert found, name
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(found.group(1))
    monkeypatch.syspath_prepend(str(tmp_path))
    photos = ("data=folder", f"data.root={folder}", "engine.workers=0", f"out={tmp_path / 'out'}")
    outcome = run("bench", "--config-dir", tmp_path / "myconf", "model=brightness", *photos)
    assert outcome.exit_code == 0, outcome.err
    assert "brightness" in outcome.out


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (Path(__file__).parent.parent / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z]+)\b", README)) & {"bench", "test", "install", "speed", "check"} <= targets
    assert {"help", "install", "bench", "train", "test", "check", "speed", "tensorboard"} <= targets
