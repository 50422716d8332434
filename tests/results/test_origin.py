"""The origin of a run: its date, and a command that repeats it."""

import html
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.command_line import run
from iqbench.job import Job
from iqbench.results import FILE_NAME
from iqbench.results.origin import Origin
from iqbench.results.reader import read_store
from iqbench.results.store import Store


def test_a_run_starts_now_unless_the_build_sets_the_date(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Origin.now().started == "1970-01-01T00:00:00+00:00"
    for given in ("", "soon"):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", given)
        started = datetime.fromisoformat(Origin.now().started)
        assert abs((datetime.now(UTC) - started).total_seconds()) < 60


def test_a_store_keeps_its_first_origin_and_one_without_any_is_read(tmp_path: Path) -> None:
    for started in ("first", "second"):
        Store(tmp_path, {}, {}, [], Origin(started=started, command="c", folder="f")).close()
    assert read_store(tmp_path / FILE_NAME).origin == Origin(started="first", command="c", folder="f")
    store = Store(tmp_path, {}, {}, [])
    store._database.execute("DELETE FROM run WHERE key = 'origin'")
    store.close()
    assert read_store(tmp_path / FILE_NAME).origin == Origin()


def test_the_command_leaves_out_where_a_run_took_place() -> None:
    given = [
        "model=iqa",
        "out=x",
        "+paths.results=y",
        "hydra.verbose=true",
        "data.root='a b'",
        "~degradation.blur",
        "outer=1",
    ]
    job = Job(Path(), overrides=given, config_dirs=["file://my conf"])
    words = shlex.split(job.command("bench", without=("out", "paths")))
    kept = ["model=iqa", "data.root='a b'", "~degradation.blur", "outer=1"]
    assert words == ["python", "-m", "iqbench.bench", "--config-dir", "my conf", *kept]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plain", "it's, a=b", 'q"u$o te'])
def test_the_command_in_the_report_repeats_the_run(folder: Path, tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    folder.rename(root)
    quoted = "'" + str(root).replace("'", "\\'") + "'"
    common = ("model=iqa", "degradation=blur", "engine.workers=0", "data=folder")
    first = run("bench", *common, f"data.root={quoted}", f"out={tmp_path / 'first'}")
    assert first.exit_code == 0, first.err
    page = (tmp_path / "first" / "report.html").read_text()
    (command,) = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    program, *arguments = shlex.split(html.unescape(command))[2:]
    assert program == "iqbench.bench"
    again = run("bench", *arguments, f"out={tmp_path / 'second'}")
    assert again.exit_code == 0, again.err
    for export in ("unified_results.csv", "summary.json", "report.html"):
        assert (tmp_path / "second" / export).read_bytes() == (tmp_path / "first" / export).read_bytes()


@pytest.mark.slow
def test_each_model_of_a_sweep_has_its_command(folder: Path, tmp_path: Path) -> None:
    photos = ("data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0", f"out={tmp_path / 'out'}")
    assert run("bench", "-m", "model=iqa,contrast", *photos).exit_code == 0
    page = html.unescape((tmp_path / "out" / "report.html").read_text())
    (commands,) = re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL)
    expected = f"data=folder data.root={folder} degradation=blur engine.workers=0"
    assert commands.splitlines() == [f"python -m iqbench.bench model={name} {expected}" for name in ("iqa", "contrast")]
    assert page.count("1970-01-01 00:00:00") == 2
