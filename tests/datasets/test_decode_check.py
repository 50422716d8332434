import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from fixtures.broken_files import encoded
from fixtures.fatal_photos import decode_or_die, decode_or_fail, decode_or_hang, process_of
from iqbench.datasets import decode_check
from iqbench.datasets.decode_check import DIED, HUNG, DecodeResult, decode, decode_all

JPEG = encoded(Image.new("RGB", (48, 40)), "JPEG")
MANY = 110


def photos_in(folder: Path, count: int = MANY, **other_names: str) -> list[Path]:
    """Photos of which some have other names: ``at_3="deadly.jpg"``."""
    paths = [folder / other_names.get(f"at_{index}", f"{index}.jpg") for index in range(count)]
    for path in paths:
        path.write_bytes(JPEG)
    return paths


def test_a_photo_is_measured(tmp_path: Path) -> None:
    finding = decode(photos_in(tmp_path, 1)[0])
    assert (finding.code, finding.error, finding.width, finding.height) == ("ok", "", 48, 40)
    assert finding.file_bytes == len(JPEG)


def test_a_photo_that_cannot_be_used_has_a_code_and_a_reason(tmp_path: Path) -> None:
    assert decode(tmp_path / "none.jpg")[4:6] == ("vanished", "no such file, or it is no longer there")
    (tmp_path / "cut.jpg").write_bytes(JPEG[:-100])
    assert decode(tmp_path / "cut.jpg").code == "corrupt"


@pytest.mark.parametrize("count", [1, 110])
def test_photos_are_looked_at_by_other_processes_however_few_they_are(tmp_path: Path, count: int) -> None:
    assert str(os.getpid()) not in {finding.error for _, finding in decode_all([tmp_path] * count, decode=process_of)}


@pytest.mark.parametrize("count", [0, 1, 99, MANY])
def test_each_photo_is_found_once(tmp_path: Path, count: int) -> None:
    paths = photos_in(tmp_path, count, at_20="bad.jpg")
    if count > 20:
        paths[20].write_bytes(b"bad")
    findings = list(decode_all(paths))
    assert sorted(index for index, _ in findings) == list(range(count))
    assert {index for index, finding in findings if finding.code != "ok"} == ({20} if count > 20 else set())


@pytest.mark.parametrize("count", [45, MANY])
def test_photos_that_kill_their_process_are_named_and_nothing_else_is_lost(tmp_path: Path, count: int) -> None:
    paths = photos_in(tmp_path, count, at_0="deadly a.jpg", at_17="deadly b.jpg", at_40="once.jpg")
    findings = list(decode_all(paths, decode=decode_or_die))
    assert sorted(index for index, _ in findings) == list(range(count))
    assert {index for index, finding in findings if finding == DIED} == {0, 17}
    assert {finding.code for index, finding in findings if index not in (0, 17)} == {"ok"}


def test_a_photo_that_hangs_its_process_is_named_and_nothing_else_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode_check, "TIMEOUT_SECONDS", 1)
    findings = dict(decode_all(photos_in(tmp_path, 10, at_3="endless.jpg"), decode=decode_or_hang))
    assert sorted(findings) == list(range(10))
    assert findings.pop(3) == HUNG
    assert {finding.code for finding in findings.values()} == {"ok"}


def test_a_fault_of_the_machine_is_not_blamed_on_a_photo(tmp_path: Path) -> None:
    paths = photos_in(tmp_path, at_30="bad disk.jpg")
    with pytest.raises(OSError, match="Input/output error"):
        list(decode_all(paths, decode=decode_or_fail))


SCRIPT_WITHOUT_A_GUARD = """
import multiprocessing, sys
from pathlib import Path
from iqbench.datasets.decode_check import decode_all
multiprocessing.set_start_method("spawn", force=True)
print(len([finding for _, finding in decode_all([Path(sys.argv[1])] * 120) if finding.code == "ok"]))
"""


@pytest.mark.slow
def test_a_script_that_other_processes_cannot_import_decodes_by_itself(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT_WITHOUT_A_GUARD)
    photo = photos_in(tmp_path, 1)[0]
    answer = subprocess.run([sys.executable, tmp_path / "script.py", photo], capture_output=True, text=True, check=True)
    assert answer.stdout == "120\n"
    assert "worker processes cannot be started" in answer.stderr


SLOW = """
import multiprocessing, signal, sys, time
from pathlib import Path
from iqbench.datasets.decode_check import decode_all

def decode(path):
    Path(path, str(time.monotonic_ns())).touch()
    time.sleep(0.05)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    multiprocessing.set_start_method(sys.argv[2])
    for _ in decode_all([Path(sys.argv[1])] * 10_000, decode=decode):
        pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_no_process_outlives_the_one_that_started_it(tmp_path: Path, method: str) -> None:
    (tmp_path / "script.py").write_text(SLOW)
    ends = {signal.SIGINT: tmp_path / "interrupted", signal.SIGKILL: tmp_path / "killed"}
    programs = {}
    for end, looked in ends.items():
        looked.mkdir()
        command = [sys.executable, tmp_path / "script.py", looked, method]
        programs[end] = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while not all(any(looked.iterdir()) for looked in ends.values()) and time.monotonic() < deadline:
        time.sleep(0.1)
    for end, program in programs.items():
        if end == signal.SIGINT:
            os.killpg(program.pid, end)  # Ctrl-C reaches every process of a terminal
        else:
            program.send_signal(end)
    stderr = {end: program.communicate(timeout=60)[1].decode() for end, program in programs.items()}
    assert stderr[signal.SIGINT].count("Traceback") == 1  # the program's own, and none from the processes
    assert "Traceback" not in stderr[signal.SIGKILL]
    time.sleep(1)
    counts = [len(list(looked.iterdir())) for looked in ends.values()]
    time.sleep(0.5)
    assert [len(list(looked.iterdir())) for looked in ends.values()] == counts
    assert all(0 < count < 10_000 for count in counts)


BLOCKED = """
import multiprocessing, signal, sys, time
from pathlib import Path
from iqbench.datasets.decode_check import decode_all

if __name__ == "__mp_main__":  # a worker that is starting imports this file
    is_blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    Path(sys.argv[1], f"{is_blocked} {time.monotonic_ns()}").touch()

def decode(path):
    return None

if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    list(decode_all([Path()] * 8, decode=decode))
    print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be blocked on Windows")
def test_ctrl_c_waits_until_a_worker_has_started(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(BLOCKED)
    looked = tmp_path / "looked"
    looked.mkdir()
    command = [sys.executable, tmp_path / "script.py", looked]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"
    assert {path.name.split()[0] for path in looked.iterdir()} == {"True"}


def test_paths_may_be_relative_to_wherever_the_program_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = photos_in(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert {finding.code for _, finding in decode_all([Path(path.name) for path in paths])} == {"ok"}


def test_nothing_is_said_where_nothing_is_wrong(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        assert all(isinstance(finding, DecodeResult) for _, finding in decode_all(photos_in(tmp_path)))
    assert not caplog.records
