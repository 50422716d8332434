"""Collect the photos that packaged weights learned from, out of folders and Debian packages.

``python tests/proof/training_photos.py --out DIR SOURCE...`` looks through each SOURCE, a folder or a ``.deb`` file,
and writes every picture whose sha256 stands in the weights into DIR. With ``experiment=reference_siamese
data.root=DIR`` the training is repeated. It prints how many each source holds, and exits with 1 if some are in none.
The model card names the sources; ``apt-get download PACKAGE`` obtains a package.
"""

import argparse
import hashlib
import io
import re
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from iqbench.interfaces import SHA_DIGITS
from iqbench.models.checkpoint import REFERENCE_DIR, read_weights
from iqbench.progress import track

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

WEBP = re.compile(rb"RIFF(....)WEBP", re.DOTALL)
"""The start of a WebP file with its size; Qt's resource files (``.rcc``) hold such files one after another."""


def contents(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each picture in a folder or a Debian package."""
    for name, content in files_in(source):
        if name.endswith(".rcc"):
            for start in WEBP.finditer(content):
                yield f"{name}.webp", content[start.start() : start.start() + 8 + int.from_bytes(start[1], "little")]
        elif name.lower().endswith(SUFFIXES):
            yield name, content


def files_in(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the name and the content of each file in a folder or a Debian package."""
    if source.is_dir():
        yield from ((path.name, path.read_bytes()) for path in sorted(source.rglob("*")) if path.is_file())
        return
    with tarfile.open(fileobj=io.BytesIO(data_archive(source))) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read()


def data_archive(package: Path) -> bytes:
    """Return the tar archive of the files of a Debian package, which is an archive of ``ar``."""
    content, at = package.read_bytes(), 8
    while content.startswith(b"!<arch>\n") and at < len(content):
        name, size = content[at : at + 16], int(content[at + 48 : at + 58])
        if name.startswith(b"data.tar"):
            return content[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise ValueError("there is no archive of files in it")


def main() -> None:
    """Write the photos, and print where they were found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="a folder, or a .deb file")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write the photos into")
    parser.add_argument("--weights", type=Path, default=REFERENCE_DIR / "siamese.safetensors", help="the weights")
    options = parser.parse_args()
    missing = set(read_weights(options.weights).trained_on["photos"])
    table = Table("source", "photos", title=f"{len(missing)} photos of {options.weights.name}")
    options.out.mkdir(parents=True, exist_ok=True)
    for source in track(options.sources, "looking through sources", len(options.sources)):
        found = 0
        try:
            for name, content in contents(source):
                digest = hashlib.sha256(content).hexdigest()[:SHA_DIGITS]
                if digest in missing:
                    missing.remove(digest)
                    (options.out / f"{digest}{Path(name).suffix.lower()}").write_bytes(content)
                    found += 1
        except (OSError, tarfile.TarError, EOFError, ValueError) as error:
            sys.exit(f"{source}: cannot be read as a folder or a Debian package ({error})")
        table.add_row(str(source), str(found))
    table.add_row("in none of them", str(len(missing)))
    Console().print(table)
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
