"""A sweep's shards under other launchers of Hydra's: side by side on this machine, and as a cluster would run them."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fixtures.command_line import run
from fixtures.killed_runs import EXPORTS
from fixtures.photos import noisy_gradient

pytestmark = pytest.mark.slow

LAUNCHERS = {
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit": ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"),
}


def bench(*arguments: str) -> None:
    ended = subprocess.run([sys.executable, "-m", "iqbench.bench", *arguments], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_shards_under_a_launcher_merge_to_the_bytes_of_one_run(tmp_path: Path, launcher: str) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(4):
        Image.fromarray(noisy_gradient(60, 80, seed=number)).save(tmp_path / "photos" / f"{number}.png")
    common = ("model=contrast", "degradation=blur", "data=folder", f"data.root={tmp_path / 'photos'}")
    assert run("bench", *common, f"out={tmp_path / 'whole'}").exit_code == 0
    bench("-m", *common, "shard=0,1", "shards=2", f"out={tmp_path / 'split'}", *LAUNCHERS[launcher])
    for name in EXPORTS:
        assert (tmp_path / "split" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
