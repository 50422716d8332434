"""A disk that is really full: nothing is lost, the exports of before stay, and the exit code says so."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BENCH = """
import json, os, sys
from pathlib import Path
sys.path.insert(0, "tests")
from fixtures.command_line import run
from fixtures.killed_runs import EXPORTS

out = Path(sys.argv[1])
common = ("model=contrast", "degradation=blur", "engine.workers=0", "gallery=0", f"out={out}")
first = run("bench", *common, "data.limit=1")
before = {path.name: path.read_bytes() for path in out.iterdir() if path.name in EXPORTS}
room = os.statvfs(out).f_bavail * os.statvfs(out).f_bsize
(out / "filler").write_bytes(bytes(room - int(sys.argv[2])))
second = run("bench", *common, "data.limit=3")
same = all((out / name).read_bytes() == content for name, content in before.items())
report = run("report", out)
(out / "filler").unlink()
verified = run("bench", *common, "data.limit=3"), run("verify", out)
print(json.dumps([first.exit_code, second.exit_code, second.err, report.exit_code, report.err, same]
                 + [one.exit_code for one in verified]))
"""


STORE = """
import json, os, sys
from contextlib import closing
from itertools import count
from pathlib import Path
from iqbench.results.reader import read_store
from iqbench.results.store import Store
from iqbench.results.schema import FILE_NAME, PhotoRow

out = Path(sys.argv[1])
written, ending = 0, "none"
try:
    with closing(Store(out, {"photos": []}, {}, [])) as store:
        room = os.statvfs(out).f_bavail * os.statvfs(out).f_bsize
        (out / "filler").write_bytes(bytes(room - int(sys.argv[2])))
        for written in count():
            store.write(PhotoRow(f"./{written}", "00", 10, 40, 30, notes="x" * 9000), [])
except Exception as error:
    ending = type(error).__name__
print(json.dumps([ending, written, len(read_store(out / FILE_NAME).photos)]))
"""


def on_a_small_disk(program: str, out: Path, room: int) -> list[object]:
    """Run it in a namespace of its own, where even a user may mount a file system: this one has 2 MB."""
    mounted = f'mount -t tmpfs -o size=2m tmpfs "{out}" && exec "$@"'
    command = ["unshare", "-rm", "sh", "-c", mounted, "sh", sys.executable, "-c", program, str(out), str(room)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.fixture(autouse=True)
def _may_mount(tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("this user may not mount anything, not even in a namespace")


@pytest.mark.parametrize("room", [50_000, 130_000])  # for the store's first page, and for the first export
def test_a_full_disk_changes_no_export_and_the_same_command_goes_on(tmp_path: Path, room: int) -> None:
    first, second, messages, reported, answer, same, repeat, verified = on_a_small_disk(BENCH, tmp_path, room)
    assert (first, second) == (0, 74), messages
    assert same
    assert "Traceback" not in messages
    assert (reported, len(answer.splitlines())) == (74, 1)
    assert answer.startswith("iqbench.report: ")
    assert "cannot be written (No space left on device)" in answer
    assert (repeat, verified) == (0, 0)


@pytest.mark.parametrize("room", [0, 100_000])
def test_a_store_on_a_disk_that_fills_up_is_closed_with_what_was_written(tmp_path: Path, room: int) -> None:
    ending, written, stored = on_a_small_disk(STORE, tmp_path, room)
    assert (ending, stored) == ("DiskError", written)
    assert bool(written) == bool(room)
