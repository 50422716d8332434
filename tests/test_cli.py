"""The command line's mistakes: one clear line each, exit code 2, no traceback."""

import errno
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from unittest import mock

import pytest
import torch

import iqbench
from fixtures.command_line import TINY, run
from iqbench.__main__ import PROGRAMS
from iqbench.config import CONF_DIR
from iqbench.inference.engine_config import EngineConfig

MISTAKES = {
    "modle=siamese": "Did you mean 'model'?",
    "+typo=1": "typo: no such key",
    "model=siamese,ava": "several values; add -m to run them one after the other",
    "data.limit=1,2": "several values; add -m",
    "model=glob(*)": "several values; add -m",
    "degradation=blur,noise": "or 'degradation=[blur,noise]' for one run with all of them",
    "degradation=[blur,nois]": "degradation=nois: no such degradation. Did you mean 'noise'?",
    "model=siamse": "Did you mean 'siamese'? There are: ",
    "model.bakbone=x": "Did you mean 'backbone'?",
    "+model.typo=1": "model.typo: iqbench.models.siamese.Siamese has no such setting",
    "+model.optimizer.typo=1": "model.optimizer.typo: AdamW has no such setting",
    "model.backbone=resnt50": "Did you mean 'resnet50'?",
    "model.backbone=tiny": "model.weights=packaged is tf_efficientnet_lite0's",
    "model.preprocessing=crop": "model.preprocessing=crop: no such rule",
    "model.checkpoint=/no/such.ckpt": "/no/such.ckpt: no such file",
    "data=folder": "data.root: needed here",
    "data.root=/nowhere": "data=folder",
    "data.limit=none": "data.limit=none: must be a whole number",
    "seed=abc": "seed=abc: must be a whole number",
    "max_failures=-1": "max_failures=-1: must be 0 or more",
    "max_failures=many": "max_failures=many: must be a whole number",
    "engine.batch_size=many": "engine.batch_size=many: must be auto, or 1 or more",
    "engine.batch_size=0": "engine.batch_size=0: must be auto, or 1 or more",
    "engine.precision=fp8": "engine.precision=fp8: must be one of",
    "protocol.orders=one": "protocol.orders=one: must be both or original_first",
    "degradation=blurr": "Did you mean 'blur'?",
    "degradation.blur.sigma=[-1]": "degradation.blur: sigma must be positive",
    "degradation.jpeg.quality=[0]": "degradation.jpeg: quality must be whole numbers",
    "out=": "out: empty",
    "siamese": "siamese: not a setting; use KEY=VALUE, such as model=siamese",
    "out='a": "out='a: cannot be read (LexerNoViableAltException",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_answered_by_one_line_and_exit_code_2(mistake: str) -> None:
    outcome = run("bench", mistake)
    assert outcome.exit_code == 2, outcome.err
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert outcome.err.startswith("iqbench.bench: ")
    assert MISTAKES[mistake] in outcome.err


def test_a_folder_that_does_not_exist_is_named() -> None:
    outcome = run("bench", "model=iqa", "data=folder", "data.root=/nowhere")
    assert (outcome.exit_code, outcome.err) == (2, "iqbench.bench: data.root=/nowhere: no such folder\n")


def test_a_mistake_in_a_sweep_is_found_before_the_first_job(tmp_path: Path) -> None:
    outcome = run("bench", "-m", "model=iqa,siamse", "out=sweep")
    assert outcome.exit_code == 2
    assert "Did you mean 'siamese'?" in outcome.last_line
    assert not list(tmp_path.rglob("results.sqlite"))


def test_an_output_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outcome = run("bench", "model=iqa", f"out={tmp_path / 'file' / 'out'}")
    assert outcome.exit_code == 74
    assert outcome.last_line.endswith(
        "cannot be used (Not a directory); if it is the output folder, choose another one"
    )


@pytest.mark.slow
def test_results_among_the_photos_are_never_judged(folder: Path, tmp_path: Path) -> None:
    photos = ("data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0", "max_failures=0")
    inside = folder / "out"
    (inside / "single").mkdir(parents=True)
    shutil.copy(folder / "a.png", inside / "single" / "b.png")  # what is beside results is no photo, from the start
    commands = {
        "single": ("bench", "model=contrast", *photos, f"out={inside / 'single'}"),
        "sweep": ("bench", "-m", "model=contrast,iqa", *photos, f"out={inside / 'sweep'}"),
        "report": ("report", inside / "single", inside / "sweep", "--out", inside / "both"),
    }
    exports = []
    for _ in range(2):
        for name, command in commands.items():
            outcome = run(*command)
            assert outcome.exit_code == 0, (name, outcome.err)
        exported_files = [
            path for path in sorted(inside.rglob("*")) if path.suffix in (".csv", ".png") or path.stem == "summary"
        ]
        exports.append({path: path.read_bytes() for path in exported_files})
    assert len(exports[0]) == 5 * 4 + 1
    assert exports[0].keys() == exports[1].keys()
    csv = [path for path in exports[0] if path.suffix == ".csv"]
    assert [path for path in csv if exports[0][path] != exports[1][path]] == []


@pytest.mark.parametrize(
    "command",
    [
        ("bench", "model=contrast", "data=folder"),
        ("bench", "-m", "model=contrast,iqa", "data=folder"),
        ("train", "model=siamese", "data=folder"),
        ("doctor", "data=phototriage"),
        ("export", "data=folder"),
        ("evaluate", "model=contrast", "data=phototriage"),
        ("evaluate", "-m", "model=contrast,iqa", "data=phototriage"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_results_in_the_very_folder_of_the_photos_are_refused(folder: Path, command: tuple[str, ...]) -> None:
    outcome = run(*command, f"data.root={folder}", f"out={folder}")
    assert outcome.exit_code == 2
    assert f"out={folder}: is data.root, the photos' own folder; choose one in it or beside it" in outcome.err
    assert not (folder / ".iqbench").exists()


def test_a_report_in_the_very_folder_of_the_photos_is_refused(folder: Path, tmp_path: Path) -> None:
    photos = ("data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0")
    assert run("bench", "model=contrast", *photos, f"out={tmp_path / 'out'}").exit_code == 0
    outcome = run("report", tmp_path / "out", "--out", folder)
    assert outcome.exit_code == 2
    assert f"{folder}: is the photos' own folder" in outcome.last_line
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png", "c.png"]


def test_failures_below_none_are_refused_by_evaluate(tmp_path: Path) -> None:
    outcome = run("evaluate", "model=contrast", "max_failures=-1", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert "max_failures=-1: must be 0 or more" in outcome.last_line


READ_ONLY = OSError(errno.EROFS, "Read-only file system", "/mnt/out/.lock")


def test_an_output_folder_that_may_not_be_written_is_refused_before_the_first_photo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_plan = mock.Mock(side_effect=AssertionError("a photo was scored"))
    monkeypatch.setattr("iqbench.benchmark.run.run_plan", run_plan)
    monkeypatch.setattr("iqbench.io.lock", mock.Mock(side_effect=READ_ONLY))
    outcome = run("bench", "model=contrast", "data.limit=1", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 74
    assert outcome.err == (
        "iqbench.bench: /mnt/out/.lock: cannot be written (Read-only file system); "
        "free some space, or choose another folder\n"
    )
    run_plan.assert_not_called()


def test_an_output_folder_that_somebody_removes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def removed(*_: object) -> None:
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "out" / "summary.json").write_text("")

    monkeypatch.setattr("iqbench.bench.bench", removed)
    outcome = run("bench", "model=contrast", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 74
    assert (
        outcome.last_line
        == f"iqbench.bench: {tmp_path / 'out'}: was removed during the run; the same command starts again"
    )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE, errno.EACCES])
@pytest.mark.parametrize("program", ["bench", "report"])
def test_whatever_a_disk_says_is_one_line_and_exit_code_74(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, program: str
) -> None:
    failing = mock.Mock(side_effect=OSError(code, "says the disk", "some/file"))
    monkeypatch.setattr("iqbench.bench.bench", failing)
    monkeypatch.setattr("iqbench.reporting.exports.export", failing)
    outcome = run(program, *([f"out={tmp_path / 'out'}"] if program == "bench" else [tmp_path]))
    assert outcome.exit_code == 74
    assert outcome.err.startswith(f"iqbench.{program}: some/file: cannot be ")
    assert os.strerror(code) in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_a_file_that_a_model_misses_is_no_trouble_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("iqbench.bench.bench", mock.Mock(side_effect=FileNotFoundError(errno.ENOENT, "gone", "w.bin")))
    with pytest.raises(FileNotFoundError):
        run("bench", "model=contrast", f"out={tmp_path / 'out'}")


def test_training_a_model_that_follows_rules_is_refused() -> None:
    outcome = run("train", "model=iqa")
    assert outcome.exit_code == 2
    assert "nothing to train; train siamese or ava" in outcome.last_line


def test_resuming_from_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.ckpt").write_text("<html>not found</html>")
    outcome = run("train", "ckpt_path=page.ckpt", *TINY)
    assert outcome.exit_code == 2
    assert "page.ckpt: a web page" in outcome.last_line


@pytest.mark.parametrize("program", ["bench", "train"])
def test_help_shows_two_examples_and_imports_nothing_heavy(program: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", f"iqbench.{program}", "--help"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.count(f"python -m iqbench.{program} ") == 2
    imported = {line.rpartition("|")[2].strip() for line in answer.stderr.splitlines()}
    assert not imported & {"torch", "lightning", "timm", "pandas", "cv2", "sklearn", "scipy", "matplotlib"}


def test_every_choice_that_help_lists_has_a_comment_saying_what_it_is() -> None:
    for path in CONF_DIR.glob("*/*.yaml"):
        assert path.read_text().startswith("#"), path


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("bench", ("model=iqa", "data=folder")),
        ("train", ("model=ava", "data=ava")),
        pytest.param("evaluate", ("protocol=legacy", "data=pairs"), marks=pytest.mark.slow),
    ],
)
def test_help_describes_each_setting_of_the_chosen_parts(program: str, arguments: tuple[str, ...]) -> None:
    listing = run(program, *arguments, "--help").out.partition("Settings of the chosen ones")[2]
    settings = [line for line in listing.splitlines() if re.match(r" *[a-z]\w*: ", line)]
    assert len(settings) > 5
    of_lightning = re.compile(r" {4}(?!_)|  plugins|demo:|experiment:|debug:|hparams_search:")  # callbacks and loggers
    undescribed = [line for line in settings if "  # " not in line and not of_lightning.match(line)]
    assert undescribed == []


def test_help_shows_the_comments_of_the_users_own_files(tmp_path: Path) -> None:
    (tmp_path / "conf" / "model").mkdir(parents=True)
    own = "# My judge.\n_target_: mine.Judge\nwidth: 3  # layers, at least 1\nname: 'a # b'\n"
    own += "sizes: {a: 1, b: [2, 3]} # px\n"
    (tmp_path / "conf" / "model" / "mine.yaml").write_text(own)
    listing = run("bench", "--config-dir", tmp_path / "conf", "model=mine", "model.width=4", "--help").out
    assert re.search(r"^model: +# My judge\.$", listing, re.MULTILINE)
    assert re.search(r"^  width: 4 +# layers, at least 1$", listing, re.MULTILINE)
    assert re.search(r"^  name: 'a # b'$", listing, re.MULTILINE)
    assert re.search(r"^  sizes: \{a: 1, b: \[2, 3\]\} +# px$", listing, re.MULTILINE)


@pytest.mark.parametrize(
    "program",
    [
        "bench",
        "train",
        "evaluate",
        "export",
        "doctor",
        "report",
        "check",
        "plan",
        "sheet",
        "verify",
        "resolution",
        "rank",
    ],
)
def test_every_program_tells_its_version(program: str) -> None:
    outcome = run(program, "--version")
    assert (outcome.exit_code, outcome.out) == (0, f"iqbench.{program} {iqbench.__version__}\n")


def test_iqbench_itself_lists_every_program_with_an_example() -> None:
    listing = run("__main__").out
    scripts = tomllib.loads((CONF_DIR.parent / "pyproject.toml").read_text())["project"]["scripts"]
    for name in scripts:
        assert name == "iqbench" or f"python -m {name.replace('-', '.')} " in listing
    assert {program.name for program in PROGRAMS} == {name.partition("-")[2] for name in scripts if "-" in name}
    assert run("__main__", "--version").out == f"iqbench {iqbench.__version__}\n"
    mistake = run("__main__", "train", "model=ava")
    assert mistake.exit_code == 2
    assert mistake.last_line.endswith("give it to a program: python -m iqbench.train model=ava")


YAMLS = {
    (
        "model",
        "weights: {contrast: 1.0}\n",
    ): "has no _target_, which names the class, such as _target_: mine.Brightness",
    ("model", "- a list\n"): "has no _target_",
    ("model", "a: [\n"): "mine.yaml, line 2: not YAML (expected the node content, but found",
    ("data", "root: photos\n"): "has no _target_, which names the class, such as _target_: mine.MyPhotos",
    (
        "degradation",
        "sigma: [1]\n",
    ): "must hold the type as its one key, with _target_ below it, such as grain: {_target_",
    ("degradation", "soft: {sigma: [1]}\n"): "must hold the type as its one key, with _target_ below it",
    ("degradation", "_target_: mine.soft\n"): "must hold the type as its one key, with _target_ below it",
}


@pytest.mark.parametrize(("group", "content"), YAMLS)
def test_a_users_own_file_without_a_class_is_named(tmp_path: Path, group: str, content: str) -> None:
    (tmp_path / "conf" / group).mkdir(parents=True)
    file = tmp_path / "conf" / group / "mine.yaml"
    file.write_text(content)
    outcome = run("bench", "--config-dir", tmp_path / "conf", f"{group}=mine", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert str(file) in outcome.last_line
    assert YAMLS[group, content] in outcome.last_line
    assert len(outcome.err.strip().splitlines()) == 1


def test_a_users_own_file_with_a_name_of_iqbenchs_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "conf" / "degradation").mkdir(parents=True)
    file = tmp_path / "conf" / "degradation" / "noise.yaml"
    file.write_text("noise: {_target_: mine.noise_ladder, std: [5]}\n")
    common = ("bench", "--config-dir", tmp_path / "conf", f"out={tmp_path / 'out'}")
    outcome = run(*common, "degradation=noise")
    assert outcome.exit_code == 2
    message = f"{file}: not used, since iqbench has a file for degradation=noise too; rename yours"
    assert outcome.last_line.endswith(message)
    assert "not used" not in run(*common, "degradation=blur", "model=nothing").err


@pytest.mark.parametrize(("cuda", "mps", "kind"), [(True, False, "cuda"), (False, True, "mps"), (False, False, "cuda")])
def test_gpu_is_whichever_this_machine_has(monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, kind: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch, "empty", lambda *_, **__: None)
    engine = EngineConfig.for_api("gpu", batch_size=1, workers=0)
    assert engine.torch_device.type == kind


@pytest.mark.parametrize(
    ("program", "overrides", "message"),
    [
        ("resolution", ["sizes=256"], "sizes=256: must be a list, such as sizes=[256]"),
        (
            "bench",
            ["model=function", "model.target=math:sqrt", "model.arguments.size=3"],
            "model.arguments.size=3: there is nothing below model.arguments yet; add it as +model.arguments.size=3",
        ),
    ],
)
def test_an_override_of_the_wrong_kind_is_told_with_the_right_one(
    tmp_path: Path, program: str, overrides: list[str], message: str
) -> None:
    outcome = run(program, *overrides, f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert message in outcome.err
    assert "\n" not in outcome.err.strip()
