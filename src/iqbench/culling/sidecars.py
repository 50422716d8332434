"""XMP sidecars: read a rating, or add one and leave everything else in the file as it is."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from lxml import etree

from iqbench.errors import UsageError
from iqbench.io import atomic_write
from iqbench.version import iqbench_version

XMP = "http://ns.adobe.com/xap/1.0/"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RATING, DESCRIPTION = f"{{{XMP}}}Rating", f"{{{RDF}}}Description"

MAX_BYTES = 64_000_000
"""Size of the largest sidecar that is read; darktable's hold every step of an edit, and are a few megabytes."""

STARS = range(-1, 6)
"""The values of xmp:Rating: -1 is rejected, 0 not rated."""

Names = Literal["full", "stem", "both"]
"""How a sidecar of ``photo.jpg`` is called: ``photo.jpg.xmp``, ``photo.xmp``, or one of each."""

NEW = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="iqbench {version}">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="{rating}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""

etree.register_namespace("xmp", XMP)


class BrokenXmp(Exception):  # noqa: N818 - named after what it is
    """A packet that is not well-formed XMP, with the reason."""


class Shot(NamedTuple):
    """The files of one shot, the rating that they get, and the one that a photo carries in itself."""

    files: Sequence[Path]
    rating: int
    embedded: int | None


class Outcome(NamedTuple):
    """What became of the sidecars of a shot: a word for counts, and the details."""

    word: Literal["written", "kept", "broken", "shared", "failed"]
    text: str


def check_names(names: object) -> Names:
    """Return how sidecars are called, checked.

    Raises:
        UsageError: If it is no choice.
    """
    choices: tuple[Names, ...] = get_args(Names)
    for choice in choices:
        if names == choice:
            return choice
    raise UsageError(
        f"sidecars={str(names).lower()}: must be full (photo.jpg.xmp: darktable, digiKam), stem (photo.xmp: Lightroom, "
        "Capture One), both, or null for none"
    )


def rating_in(packet: bytes) -> int | None:
    """Return the rating in an XMP packet, None if there is none, or 0, which means not rated.

    A rating that is no number of stars counts as 5: somebody wrote it.

    Raises:
        BrokenXmp: If the packet is not XMP.

    Example:
        >>> rating_in(NEW.format(version="", rating=3).encode()), rating_in(NEW.format(version="", rating=0).encode())
        (3, None)
    """
    texts = [text for _, text in _ratings(_parsed(packet).getroot()) if text]
    return next((stars for stars in map(_stars, texts) if stars), None)


def with_rating(packet: bytes, rating: int) -> bytes:
    """Return an XMP packet with a rating, in the form in which it has one already, and otherwise unchanged.

    Raises:
        BrokenXmp: If the packet is not XMP.
    """
    tree = _parsed(packet)
    root = tree.getroot()
    places = list(_ratings(root))
    for element, _ in places:
        if element.tag == RATING:
            for child in list(element):  # a value with qualifiers
                element.remove(child)
            element.attrib.clear()
            element.text = str(rating)
        else:
            element.set(RATING, str(rating))
    if not places:
        description = next(root.iter(DESCRIPTION), None)
        if description is None:
            rdf = root if root.tag == f"{{{RDF}}}RDF" else next(root.iter(f"{{{RDF}}}RDF"))
            description = etree.SubElement(rdf, DESCRIPTION, {f"{{{RDF}}}about": ""}, nsmap={"xmp": XMP})
        description.set(RATING, str(rating))
    is_declared = packet.lstrip(b"\xef\xbb\xbf\xff\xfe\xfe\xff").replace(b"\0", b"").startswith(b"<?xml")
    encoded: bytes = etree.tostring(tree, encoding=tree.docinfo.encoding or "UTF-8", xml_declaration=is_declared)
    return encoded


def targets(files: Sequence[Path], names: Names) -> list[Path]:
    """Return the sidecars of the files of a shot. One that is there with the suffix ``.XMP`` keeps its name."""
    paths: dict[Path, None] = {}
    for file in files:
        both = {"full": file.with_name(f"{file.name}.xmp"), "stem": file.with_suffix(".xmp")}
        for style, path in both.items():
            if names in (style, "both"):
                upper = path.with_suffix(".XMP")
                paths[upper if upper.exists() and not path.exists() else path] = None
    return list(paths)


def write_ratings(shots: Sequence[Shot], names: Names, overwrite: bool) -> list[Outcome]:
    """Write the rating of each shot into its sidecars; no photo is opened, and no rating of somebody's is replaced.

    Args:
        shots: The shots.
        names: How the sidecars are called.
        overwrite: Whether ratings that are there are replaced, also those that a photo carries in itself.
    """
    uses = Counter(path for shot in shots for path in targets(shot.files, names))
    return [_write(shot, targets(shot.files, names), uses, overwrite) for shot in shots]


def _write(shot: Shot, paths: Sequence[Path], uses: Counter[Path], overwrite: bool) -> Outcome:
    if shared := [path for path in paths if uses[path] > 1]:
        return Outcome("shared", f"{shared[0].name} would belong to {uses[shared[0]]} photos")
    packets: dict[Path, bytes] = {}
    for path in targets(shot.files, "both"):  # a rating counts whichever program wrote it
        try:
            packets[path] = _content(path)
            found = rating_in(packets[path]) if packets[path] else None
        except BrokenXmp as reason:
            return Outcome("broken", f"{path.name}: {reason}; it was left as it is")
        except OSError as error:
            return Outcome("failed", f"{path.name}: {error.strerror}")
        if found and not overwrite:
            return Outcome("kept", f"{path.name}: {found}")
    if shot.embedded and not overwrite:
        return Outcome("kept", f"{shot.files[0].name}: {shot.embedded}")
    for path in paths:
        content = packets.get(path, b"")
        new = with_rating(content, shot.rating) if content else _new(shot.rating)
        try:
            _replace(path, new)
        except OSError as error:
            return Outcome("failed", f"{path.name}: {error.strerror}")
    return Outcome("written", ", ".join(path.name for path in paths))


def _new(rating: int) -> bytes:
    return NEW.format(version=iqbench_version(), rating=rating).encode()


def _content(path: Path) -> bytes:
    """Return the content of a sidecar, empty if there is none or nothing is in it.

    Raises:
        BrokenXmp: If it is no file, or too large.
        OSError: If it cannot be read.
    """
    if not os.path.lexists(path):
        return b""
    if not path.is_file():
        raise BrokenXmp("is not a file")
    if path.stat().st_size > MAX_BYTES:
        raise BrokenXmp(f"is larger than {MAX_BYTES // 1_000_000} MB")
    return path.read_bytes()


def _replace(path: Path, content: bytes) -> None:
    """Replace a sidecar, or the file that it links to, and keep its permissions."""
    file = path.resolve()
    with atomic_write(file) as temporary:
        temporary.write_bytes(content)
        if file.exists():
            shutil.copymode(file, temporary)


def _parsed(packet: bytes) -> Any:
    """Return the tree of a packet. Nothing outside of it is loaded, and entities are not expanded.

    Raises:
        BrokenXmp: If it is not XMP, or has a document type.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    padding = b"" if b"\0" in packet[:4] else b"\0"  # UTF-16 ends in one
    try:
        tree: Any = etree.fromstring(packet.rstrip(padding) if padding else packet, parser).getroottree()
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BrokenXmp(f"is not XML ({' '.join(str(error).split())[:100]})") from error
    if tree.docinfo.doctype:
        raise BrokenXmp("has a document type, which XMP does not have")
    root = tree.getroot()
    if root.tag != f"{{{RDF}}}RDF" and next(root.iter(f"{{{RDF}}}RDF"), None) is None:
        raise BrokenXmp("holds no RDF, so it is not XMP")
    return tree


def _ratings(root: Any) -> Iterator[tuple[Any, str]]:
    """Yield each element that holds a rating, as its attribute or as its text, with the rating."""
    for description in root.iter(DESCRIPTION):
        if RATING in description.attrib:
            yield description, description.get(RATING).strip()
        for element in description.findall(RATING):
            value = element.findtext(f"{{{RDF}}}value") or element.get(f"{{{RDF}}}value") or element.text or ""
            yield element, value.strip()


def _stars(text: str) -> int:
    try:
        value = round(float(text))
    except (ValueError, OverflowError):
        return STARS[-1]
    return value if value in STARS else STARS[-1]
