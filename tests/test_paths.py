"""Paths that people write: one rule for every setting, program and environment variable."""

import os
import unicodedata
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from fixtures.command_line import run
from fixtures.systems import needs_byte_names, needs_posix_names
from iqbench import config, paths
from iqbench.arguments import readable
from iqbench.errors import UsageError

FOLDER = "iqbench.datasets.folder.Folder"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.chdir(tmp_path)


def without_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)


@pytest.mark.parametrize("written", ["~", "~/a", "~/a/b c"])
def test_a_path_below_home_is_expanded(written: str, tmp_path: Path) -> None:
    assert paths.absolute(written) == tmp_path / "home" / written[2:]


def test_a_name_that_only_looks_like_home_stays_in_the_current_folder(tmp_path: Path) -> None:
    assert paths.absolute("a~/b") == tmp_path / "a~" / "b"
    assert paths.absolute("~nobody-has-this-name") == tmp_path / "~nobody-has-this-name"


def test_a_path_does_not_change_with_the_folder_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    node = OmegaConf.create({"_target_": FOLDER, "root": "photos", "limit": None, "seed": 0, "cache": "c"})
    source = config.build(DictConfig(node), "data")
    monkeypatch.chdir("/")
    assert (source.root, source.cache) == (str(tmp_path / "photos"), tmp_path / "c")
    assert node.root == "photos"  # the record keeps what was written


def test_paths_in_settings_of_any_object_are_expanded(tmp_path: Path) -> None:
    (tmp_path / "a.pt").touch()
    settings = {"checkpoint": "a.pt", "head": "~/h.pt", "nested": {"list": ["~/x", 1]}, "root": "fc", "name": "a~"}
    assert paths.in_settings(settings, "model") == {
        "checkpoint": str(tmp_path / "a.pt"),
        "head": str(tmp_path / "home" / "h.pt"),
        "nested": {"list": [str(tmp_path / "home" / "x"), 1]},
        "root": "fc",
        "name": "a~",
    }


@pytest.mark.parametrize("name", ["untrained", "reference", "openai/clip-vit-base-patch32", "https://a.org/b.ckpt"])
def test_a_checkpoint_that_is_no_file_stays_as_it_is(name: str) -> None:
    assert paths.checkpoint(name) == name


def test_without_a_home_folder_the_path_is_refused_and_the_cache_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    without_home(monkeypatch)
    with pytest.raises(UsageError, match=r"^data.root=~/x: there is no home folder here \(set HOME\)"):
        paths.in_settings({"root": "~/x"}, "data")
    assert paths.in_settings({"cache": "~/.cache/iqbench"}, "data") == {"cache": None}
    assert paths.absolute("x").name == "x"


@pytest.mark.parametrize("length", [256, 5000])
@needs_posix_names
def test_a_path_that_is_too_long_is_refused_in_one_short_line(length: int) -> None:
    with pytest.raises(UsageError, match=r"^data.root=/.{40,90}\.\.\.: cannot be a path \(File name too long\)$"):
        paths.absolute(("x" * 99 + "/") * (length // 100) if length > 999 else "x" * length, "data.root")


def test_a_path_with_a_nul_is_refused() -> None:
    with pytest.raises(UsageError, match="not a path"):
        paths.absolute("a\0b", "out")


def test_environment_variables_follow_the_same_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(paths.VARIABLES, ("~/r", "", "  ", "relative", "~/e.json"), strict=True):
        monkeypatch.setenv(name, value)
    paths.prepare_environment()
    assert [os.environ.get(name) for name in paths.VARIABLES] == [
        str(tmp_path / "home" / "r"),
        None,
        None,
        str(tmp_path / "relative"),
        str(tmp_path / "home" / "e.json"),
    ]


def test_the_cache_is_where_the_desktop_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IQBENCH_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    paths.prepare_environment()
    assert os.environ["IQBENCH_CACHE"] == str(tmp_path / "xdg" / "iqbench")


# Unicode forms

NFC, NFD = (unicodedata.normalize(form, "Zoë/Älmhult é.jpg") for form in ("NFC", "NFD"))


@needs_byte_names
@pytest.mark.parametrize(("on_disk", "written"), [(NFC, NFD), (NFD, NFC), (NFC, NFC), (NFD, NFD)])
def test_a_name_matches_the_file_in_either_unicode_form(tmp_path: Path, on_disk: str, written: str) -> None:
    (tmp_path / on_disk).parent.mkdir()
    (tmp_path / on_disk).touch()
    assert paths.on_disk(tmp_path / written) == tmp_path / on_disk
    assert paths.absolute(written) == tmp_path / on_disk


@needs_byte_names
def test_of_two_files_that_differ_in_form_the_exact_one_is_meant(tmp_path: Path) -> None:
    both = [tmp_path / unicodedata.normalize(form, "ǖ.jpg") for form in ("NFC", "NFD")]
    for path in both:
        path.touch()
    assert [paths.on_disk(path) for path in both] == both
    with pytest.raises(UsageError, match="2 files have this name but for its Unicode form"):
        paths.on_disk(tmp_path / "ü\u0304.jpg")  # a third form of it


@needs_byte_names
def test_case_is_not_a_unicode_form(tmp_path: Path) -> None:
    (tmp_path / "É.jpg").touch()
    assert paths.on_disk(tmp_path / "é.jpg") == tmp_path / "é.jpg"


# The command line


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("out=~/rr", 'out="~/rr"'),
        ("data.root=写真", 'data.root="写真"'),
        ("data.root=Fotos (2023)", 'data.root="Fotos (2023)"'),
        ("out=a=b", 'out="a=b"'),
        (r"data.root=\\server\photos", r'data.root="\\server\photos"'),
        ('out=say "hi" é', r'out="say \"hi\" é"'),
        ("+model.head=~/h.pt", '+model.head="~/h.pt"'),
        ("model=siamese", "model=siamese"),
        ("model=a,b", "model=a,b"),
        ("degradation.blur.sigma=[1,2]", "degradation.blur.sigma=[1,2]"),
        ("x=[1", "x=[1"),
        ("seed=1", "seed=1"),
        ("~trainer.x", "~trainer.x"),
        ("out=", "out="),
        ('out="already (quoted)"', 'out="already (quoted)"'),
    ],
)
def test_values_that_hydra_cannot_read_are_quoted(typed: str, read: str) -> None:
    assert readable([typed]) == [read]


def test_in_a_sweep_each_value_is_quoted_by_itself(tmp_path: Path) -> None:
    assert readable(["-m", "data.root=~/a,~/b,c"]) == ["-m", 'data.root="~/a","~/b",c']
    (tmp_path / "Madrid, Spain").mkdir()
    assert readable(["data.root=Madrid, Spain"]) == ['data.root="Madrid, Spain"']


def test_flags_come_first_and_their_folders_are_expanded(tmp_path: Path) -> None:
    conf = tmp_path / "home" / "conf"
    assert readable(["model=x", "--config-dir", "~/conf", "-m"]) == ["--config-dir", str(conf), "-m", "model=x"]
    assert readable(["--config-dir=~/conf"]) == [f"--config-dir={conf}"]


@pytest.mark.slow
def test_results_are_written_below_home_and_reported_from_there(folder: Path, tmp_path: Path) -> None:
    settings = ("model=contrast", "degradation=blur", "engine.workers=0", "gallery=0", "data=folder")
    (tmp_path / "home" / "Zoë (1)").symlink_to(folder)
    assert run("bench", *settings, "data.root=~/Zoë (1)", "out=~/a=b").exit_code == 0
    assert run("report", "~/a=b", "--out", "~/merged").exit_code == 0
    assert run("verify", "~/a=b", "--photos", "~/Zoë (1)").exit_code == 0
    assert {path.name for path in (tmp_path / "home").iterdir()} - {".cache"} == {"Zoë (1)", "a=b", "merged"}
    assert not (tmp_path / "~").exists()
    assert "root: ~/Zoë (1)" in (tmp_path / "home" / "a=b" / ".hydra" / "config.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("setting", ["out=~/x", "data.root=~/x"])
def test_a_program_without_a_home_folder_ends_in_one_line(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without_home(monkeypatch)
    outcome = run("bench", "model=contrast", "data=folder", "data.root=.", setting)
    assert (outcome.exit_code, len(outcome.err.splitlines())) == (2, 1)
    assert f"{setting}: there is no home folder here" in outcome.err


def test_a_current_folder_that_was_removed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> Path:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "cwd", gone)
    outcome = run("bench", "model=contrast")
    assert (outcome.exit_code, outcome.err) == (
        2,
        "iqbench.bench: the current folder no longer exists; change into another one\n",
    )
