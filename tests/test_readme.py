"""The READMEs: short, with links that resolve and commands that work as they stand there."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from fixtures.command_line import run
from iqbench import config
from iqbench.config import CONF_DIR

ROOT = Path(__file__).parent.parent
FRONT = ROOT / "README.md"
ROOMS = sorted((ROOT / "src").rglob("README.md"))
PAGES = [FRONT, *ROOMS, ROOT / ".github" / "CONTRIBUTING.md"]
COMMAND = re.compile(r"^python -m iqbench\.(bench|train|evaluate|export|doctor) (.*)$", re.MULTILINE)
COMMANDS = [(page, *match) for page in PAGES for match in COMMAND.findall(page.read_text(encoding="utf-8"))]
GROUPS = {path.name for path in CONF_DIR.iterdir() if path.is_dir()}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_a_page_is_short(page: Path) -> None:
    assert len(page.read_bytes()) <= (9_000 if page == FRONT else 8_000)


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_link_to_a_file_resolves(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_the_front_page_leads_to_every_room_that_has_one() -> None:
    text = FRONT.read_text(encoding="utf-8")
    linked = {(ROOT / link).resolve() for link in re.findall(r"\]\((src/[^)#\s]+README\.md)\)", text)}
    rooms = {room.resolve() for room in ROOMS}
    within = {room for room in rooms if room.parents[1] / "README.md" in rooms}  # the README above leads to it
    assert linked - within == rooms - within
    for room in within:
        assert f"({room.parent.name}/README.md)" in (room.parents[1] / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("page", "program", "arguments"), COMMANDS)
def test_every_command_names_choices_and_keys_that_exist(page: Path, program: str, arguments: str) -> None:
    overrides = [word for word in shlex.split(arguments, comments=True) if "=" in word and not word.startswith("-")]
    has_config_dir = "--config-dir" in arguments  # the reader's own YAML, made by another test
    single = [re.sub(r"range\(\d+\)", "0", override.split(",")[0]) for override in overrides]
    checked_overrides = [override for override in single if not (has_config_dir and override.split("=")[0] in GROUPS)]
    composed = config.compose(program, [override for override in checked_overrides if not override.startswith("hydra")])
    assert OmegaConf.select(composed, "data") is not None


@pytest.mark.parametrize(
    ("page", "arguments"),
    [
        (FRONT, ["model=function", "model.target=mine:score"]),
        (ROOT / "src" / "iqbench" / "models" / "README.md", ["--config-dir", "myconf", "model=brightness"]),
    ],
    ids=["front", "models"],
)
def test_the_own_model_is_benchmarked(
    page: Path, arguments: list[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```(?:python|yaml)\n# (\S+\.(?:py|yaml))\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    for name, content in blocks:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    photos = ("data=folder", f"data.root={folder}", "engine.workers=0", f"out={tmp_path / 'out'}")
    outcome = run("bench", *arguments, *photos)
    assert outcome.exit_code == 0, outcome.err
    assert arguments[-1].rpartition("=")[2].partition(":")[0] in outcome.out or "function" in outcome.out
    sys.modules.pop("mine", None)


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for page in PAGES for name in re.findall(r"`make ([a-z]+)\b", page.read_text(encoding="utf-8"))}
    assert named <= targets
    assert {"help", "install", "bench", "train", "test", "check", "speed", "tensorboard"} <= targets
