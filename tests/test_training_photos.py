"""The photos that weights learned from are found again by their content, wherever they are."""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from fixtures.broken_files import encoded
from iqbench.interfaces import SHA_DIGITS
from iqbench.models.checkpoint import REFERENCE_DIR, export_head, read_weights

PROOF = Path(__file__).parent / "proof" / "training_photos.py"


def picture(colour: str, format_: str) -> bytes:
    return encoded(Image.new("RGB", (32, 24), colour), format_)


def package(path: Path, files: dict[str, bytes]) -> Path:
    """Write a Debian package: three files in an archive of ``ar``, the last of which is a tar archive."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": data.getvalue()}
    packed = b"!<arch>\n"
    for name, content in parts.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        packed += b"\n" * (len(content) % 2)
    path.write_bytes(packed)
    return path


def weights_of(path: Path, photos: list[bytes]) -> Path:
    prefixes = [hashlib.sha256(photo).hexdigest()[:SHA_DIGITS] for photo in photos]
    packaged = read_weights(REFERENCE_DIR / "siamese.safetensors")
    export_head(path, replace(packaged, trained_on={**packaged.trained_on, "photos": prefixes}))
    return path


def collected(out: Path, *arguments: object) -> tuple[int, str, set[bytes]]:
    command = [sys.executable, PROOF, "--out", out, *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, {path.read_bytes() for path in out.glob("*")}


@pytest.fixture
def known() -> dict[str, bytes]:
    return {"folder": picture("red", "JPEG"), "package": picture("green", "PNG"), "resource": picture("blue", "WEBP")}


@pytest.fixture
def sources(tmp_path: Path, known: dict[str, bytes]) -> list[Path]:
    folder = tmp_path / "photos" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.jpg").write_bytes(known["folder"])
    (folder / "other.jpg").write_bytes(picture("white", "JPEG"))
    resource = b"qres" + picture("black", "WEBP") + b"\0" + known["resource"] + b"tail"
    files = {"./usr/share/b.PNG": known["package"], "./usr/share/c.rcc": resource, "./usr/share/copyright": b"GPL"}
    return [tmp_path / "photos", package(tmp_path / "d.deb", files)]


def test_photos_are_found_in_folders_packages_and_resource_files(
    tmp_path: Path, known: dict[str, bytes], sources: list[Path]
) -> None:
    weights = weights_of(tmp_path / "w.safetensors", list(known.values()))
    code, _, found = collected(tmp_path / "out", "--weights", weights, *sources)
    assert (code, found) == (0, set(known.values()))


def test_photos_that_are_nowhere_are_counted(tmp_path: Path, known: dict[str, bytes], sources: list[Path]) -> None:
    weights = weights_of(tmp_path / "w.safetensors", [*known.values(), b"elsewhere"])
    code, output, found = collected(tmp_path / "out", "--weights", weights, *sources)
    assert (code, found) == (1, set(known.values()))
    assert [re.findall(r"\d+", line) for line in output.splitlines() if "in none of them" in line] == [["1"]]


@pytest.mark.parametrize("content", [None, b"", b"!<arch>\n", b"no package", b"cut"])
def test_what_is_neither_a_folder_nor_a_package_is_named(
    tmp_path: Path, sources: list[Path], content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "x.deb").write_bytes(sources[1].read_bytes()[:-300] if content == b"cut" else content)
    weights = weights_of(tmp_path / "w.safetensors", [b"1"])
    code, output, _ = collected(tmp_path / "out", "--weights", weights, tmp_path / "x.deb")
    assert code == 1
    assert "x.deb: cannot be read as a folder or a Debian package" in output.replace("\n", " ")
