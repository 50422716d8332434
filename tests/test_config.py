"""What no program can use is refused in one line, before anything is built."""

import json
from pathlib import Path

import pytest

from fixtures.command_line import TINY, run
from iqbench import config
from iqbench.errors import UsageError

BEYOND = "must be from 0 to 4294967295"


@pytest.mark.parametrize("program", ["bench", "train", "evaluate", "export", "doctor", "resolution"])
@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ("seed=-1", f"seed=-1: {BEYOND}"),
        ("seed=99999999999999999999", f"seed=99999999999999999999: {BEYOND}"),
        ("data=null", "data=null: a group is chosen by a name. There are: ava, folder, kadid"),
        ("~data", "data: there is nothing in it; choose one: ava, folder, kadid"),
    ],
)
def test_every_program_refuses_a_seed_that_is_none_and_a_group_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, mistake: str, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = run(program, mistake)
    assert outcome.exit_code == 2
    assert outcome.err.startswith(f"iqbench.{program}: {reason}")
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("program", "mistake", "reason"),
    [
        ("bench", "~degradation", "degradation: there is nothing in it; choose one: avif, banding, blur, "),
        ("bench", "~degradation.blur", None),
        ("bench", "degradation=[]", "degradation: there is nothing in it"),
        ("bench", "~engine", "engine: there is nothing in it; choose one: default"),
        ("bench", "degradation.blur=null", "degradation.blur: there is nothing in it; leave it as it is"),
        ("bench", "model.optimizer=null", "model.optimizer: there is nothing in it"),
        ("bench", "data.seed=4294967296", f"data.seed=4294967296: {BEYOND}"),
        ("bench", "data.seed=4294967295", None),
        (
            "train",
            "callbacks=[]",
            "callbacks: there is nothing in it; choose one: checkpoints, compilation, ",
        ),
        ("train", "callbacks.best=null", "callbacks.best: there is nothing in it"),
        ("train", "self_supervision=null", "self_supervision: there is nothing in it"),
        ("train", "examples.seed=-1", f"examples.seed=-1: {BEYOND}"),
    ],
)
def test_a_part_that_is_empty_is_named_and_one_that_is_left_out_may_be(
    program: str, mistake: str, reason: str | None
) -> None:
    composed, files = config.compose(program, [mistake]), config.defaults([mistake], program)
    if reason is None:
        config.check(composed, files)
        return
    with pytest.raises(UsageError) as error:
        config.check(composed, files)
    assert str(error.value).startswith(reason)


def test_the_last_level_of_a_suite_cannot_be_left_out() -> None:
    arguments = ["degradation=blur", "~degradation.blur"]
    with pytest.raises(UsageError, match="degradation: there is nothing in it"):
        config.check(config.compose("bench", arguments), config.defaults(arguments, "bench"))


def test_several_kinds_of_damage_are_one_run(tmp_path: Path) -> None:
    chosen = "degradation=[noise,blur]", "degradation.noise.sigma=[5]", "degradation.blur.sigma=[1]"
    outcome = run("bench", "model=contrast", "data.limit=1", "engine.workers=0", *chosen, f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["models"]["contrast"]["by_degradation"].keys() == {"noise", "blur"}
    assert summary["counts"]["pairs"]["planned"] == 2
    assert "degradation=[noise,blur]" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("degradation=[blur,3]", "degradation=[blur,3]: a group is chosen by a name. There are: "),
        ("degradation=[blur,null]", "degradation=[blur,null]: a group is chosen by a name. There are: "),
        (
            "model=[iqa,ava]",
            "model=[iqa,ava]: one choice of model a run; -m model=iqa,ava runs them one after the other",
        ),
        ("data=[folder]", "data=[folder]: one choice of data a run; -m data=folder runs them one after the other"),
    ],
)
def test_a_list_that_no_run_can_use_is_refused(tmp_path: Path, choice: str, reason: str) -> None:
    outcome = run("bench", choice, f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert outcome.last_line.startswith(f"iqbench.bench: {reason}")


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        ("degradation.noise.sigmaa=[2]", "degradation.noise.sigmaa=[2]: no such key. Did you mean 'sigma'?"),
        ("degradation.noise=null", "degradation.noise: there is nothing in it"),
        ("degradation.jpeg.quality=[2]", "degradation.jpeg.quality=[2]: no such key."),
    ],
)
def test_a_mistake_in_one_of_several_kinds_of_damage_is_explained(tmp_path: Path, mistake: str, reason: str) -> None:
    outcome = run("bench", "model=contrast", "degradation=[blur,noise]", mistake, f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert outcome.last_line.startswith(f"iqbench.bench: {reason}")


@pytest.mark.parametrize("mistake", ["model._target_=null", "~model._target_", "model._target_=3"])
def test_a_target_that_names_nothing_is_refused(tmp_path: Path, mistake: str) -> None:
    outcome = run("bench", *TINY, mistake, f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert "must name a class or function" in outcome.last_line
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("target", ["no.such.module", "iqbench.models.siamese.Typo"])
def test_a_target_that_cannot_be_imported_is_named_in_one_line(tmp_path: Path, target: str) -> None:
    outcome = run("bench", *TINY, f"model._target_={target}", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert outcome.err.startswith(f"iqbench.bench: model._target_={target}: cannot be imported (")
    assert len(outcome.err.splitlines()) == 1
