"""Programs on a system without fork, fcntl and most signals, and on terminals that show few characters."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.command_line import TINY
from fixtures.labelled_sets import write_phototriage

OTHER_SYSTEM = Path(__file__).parent / "fixtures" / "other_system"

PROBE = """
import multiprocessing, os, signal
hidden = [name for module, names in {os: ["fork", "register_at_fork", "sched_getaffinity", "mkfifo", "getuid"],
          signal: ["SIGCHLD", "SIGKILL", "SIGHUP", "SIGALRM", "pthread_sigmask"]}.items()
          for name in names if not hasattr(module, name)]
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    try:
        __import__(name, globals())
    except ImportError:
        hidden.append(name)
print(len(hidden), multiprocessing.get_all_start_methods(), multiprocessing.get_start_method())
try:
    multiprocessing.get_context("fork")
except ValueError:
    print("no fork")
"""


def run_there(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python where what only Unix has cannot be found."""
    path = os.pathsep.join([str(OTHER_SYSTEM), *filter(None, [os.environ.get("PYTHONPATH")])])
    variables = {**os.environ, "PYTHONPATH": path, **environment}
    return subprocess.run([sys.executable, *map(str, command)], env=variables, capture_output=True, text=True)


def program(name: str, *arguments: object) -> str:
    ended = run_there("-m", f"iqbench.{name}", *arguments)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert "cannot be started" not in ended.stderr
    return ended.stdout


def test_there_the_names_cannot_be_found() -> None:
    ended = run_there("-c", PROBE)
    assert ended.stdout.splitlines() == ["15 ['spawn'] spawn", "no fork"], ended.stderr


@pytest.mark.slow
def test_the_main_job_runs_without_them(folder: Path, tmp_path: Path) -> None:
    photos = ("data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=2")
    program("bench", "model=iqa", *photos, f"out={tmp_path / 'out'}")
    assert (tmp_path / "out" / "report.html").is_file()


@pytest.mark.slow
def test_a_training_runs_without_them_and_its_checkpoint_is_evaluated(tmp_path: Path) -> None:
    write_phototriage(tmp_path / "triage", series=2, validation_series=1)
    data = ("data=phototriage", f"data.root={tmp_path / 'triage'}", f"data.cache={tmp_path / 'cache'}")
    short = ("trainer.max_epochs=1", "trainer.accelerator=cpu", "examples.workers=1", "examples.batch_size=4")
    program("train", "model=siamese", *TINY, *data, *short, f"out={tmp_path / 'train'}")
    best = tmp_path / "train" / "checkpoints" / "best.ckpt"
    judge = ("model=siamese", *TINY, f"model.checkpoint={best}")
    program("evaluate", *judge, *data, "engine.workers=1", f"out={tmp_path / 'evaluation'}")
    assert (tmp_path / "evaluation" / "predictions.csv").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
def test_a_terminal_that_shows_few_characters_shows_the_rest_in_other_ways(
    folder: Path, tmp_path: Path, encoding: str
) -> None:
    photos = ("model=contrast", "data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0")
    command = [sys.executable, "-m", "iqbench.bench", *photos, f"out={tmp_path / 'out'}"]
    variables = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "100"}
    ended = subprocess.run(command, env=variables, capture_output=True)
    assert ended.returncode == 0, ended.stderr[-3000:].decode(encoding)
    assert b"contrast" in ended.stdout
    assert b"Traceback" not in ended.stderr
