"""Ratings in XMP sidecars: written, kept, and everything else in a file left as it is."""

import os
import stat
from pathlib import Path

import pytest
from lxml import etree

from iqbench.culling.sidecars import (
    NEW,
    BrokenXmp,
    Shot,
    check_names,
    rating_in,
    targets,
    with_rating,
    write_ratings,
)
from iqbench.errors import UsageError

HEAD = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
SPACES = 'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dt="urn:dt"'
TAIL = "</rdf:RDF></x:xmpmeta>"


def packet(attributes: str = "", elements: str = "") -> bytes:
    described = (
        f'<rdf:Description rdf:about="" {SPACES} dt:history="a &lt; b" {attributes}>{elements}</rdf:Description>'
    )
    return f"{HEAD}<!-- mine -->{described}{TAIL}".encode()


ATTRIBUTE, ELEMENT = 'xmp:Rating="{}"', "<xmp:Rating>{}</xmp:Rating>"
QUALIFIED = '<xmp:Rating rdf:parseType="Resource"><rdf:value>{}</rdf:value></xmp:Rating>'
KEYWORDS = "<dc:subject><rdf:Bag><rdf:li>été</rdf:li></rdf:Bag></dc:subject>"


def forms(stars: object) -> list[bytes]:
    """A rating in each form that programs write."""
    other_prefix = packet(ATTRIBUTE.format(stars)).replace(b"xmp:", b"xap:").replace(b"xmlns:xmp", b"xmlns:xap")
    return [
        packet(ATTRIBUTE.format(stars), KEYWORDS),
        packet("", KEYWORDS + ELEMENT.format(stars)),
        packet("", QUALIFIED.format(stars)),
        other_prefix,
    ]


def photo_in(folder: Path, name: str = "photo.jpg") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(b"pixels")
    return path


@pytest.mark.parametrize("stars", [-1, 1, 5])
def test_a_rating_is_read_in_every_form(stars: int) -> None:
    assert [rating_in(form) for form in forms(stars)] == [stars] * 4


def test_zero_and_nothing_are_no_rating_and_a_word_is_somebodys() -> None:
    assert [rating_in(form) for form in forms(0)] == [None] * 4
    assert rating_in(packet()) is None
    assert rating_in(packet('xmp:Rating=""')) is None
    assert rating_in(packet('xmp:Rating="four"')) == 5
    assert rating_in(packet('xmp:Rating="3.0"')) == 3


@pytest.mark.parametrize("form", [packet(), packet("", KEYWORDS), *forms(0), *forms(2)])
def test_a_rating_is_added_and_nothing_else_is_changed(form: bytes) -> None:
    changed = with_rating(form, 4)
    assert rating_in(changed) == 4
    left = [
        etree.canonicalize(etree.tostring(_without_rating(text)).decode(), with_comments=True)
        for text in (form, changed)
    ]
    assert left[0] == left[1]


def _without_rating(text: bytes) -> "etree._Element":
    root = etree.fromstring(text)
    name = "{http://ns.adobe.com/xap/1.0/}Rating"
    for element in list(root.iter()):
        element.attrib.pop(name, None)
        if element.tag == name:
            element.getparent().remove(element)
    return root


def test_the_packet_marks_around_it_and_its_encoding_stay() -> None:
    whole = NEW.format(version="1", rating=2).encode()
    changed = with_rating(whole, -1)
    assert changed.startswith('<?xpacket begin="\ufeff"'.encode())
    assert changed.rstrip().endswith(b'<?xpacket end="w"?>')
    latin = b'<?xml version="1.0" encoding="ISO-8859-1"?>' + packet("", KEYWORDS).decode().encode("latin-1")
    assert "été".encode("latin-1") in with_rating(latin, 3)
    wide = ('<?xml version="1.0" encoding="UTF-16"?>' + packet("", KEYWORDS).decode()).encode("utf-16")
    assert rating_in(with_rating(wide, 3)) == 3


@pytest.mark.parametrize(
    "broken",
    [
        b"<x",
        b"not xml",
        b"<html></html>",
        b"\xff\xfe\x00",
        b'<!DOCTYPE x [<!ENTITY a "b">]>' + packet(),
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + packet("", "<dc:title>&a;</dc:title>"),
    ],
)
def test_what_is_no_xmp_is_refused(broken: bytes) -> None:
    with pytest.raises(BrokenXmp):
        rating_in(broken)
    with pytest.raises(BrokenXmp):
        with_rating(broken, 3)


def test_each_program_finds_its_sidecar(tmp_path: Path) -> None:
    raw, jpeg = tmp_path / "IMG.1.CR3", tmp_path / "IMG.1.jpg"
    assert [path.name for path in targets([jpeg, raw], "full")] == ["IMG.1.jpg.xmp", "IMG.1.CR3.xmp"]
    assert [path.name for path in targets([jpeg, raw], "stem")] == ["IMG.1.xmp"]
    assert len(targets([jpeg, raw], "both")) == 3
    (tmp_path / "IMG.1.XMP").touch()
    assert [path.name for path in targets([jpeg], "stem")] == ["IMG.1.XMP"]


def test_a_new_sidecar_has_the_rating_and_the_photo_is_not_touched(tmp_path: Path) -> None:
    photo = photo_in(tmp_path / "été 写真", "a=b 'c'.jpg")
    before = photo.stat()
    (outcome,) = write_ratings([Shot([photo], 4, None)], "full", overwrite=False)
    assert outcome.word == "written"
    assert sorted(path.name for path in photo.parent.iterdir()) == [photo.name, f"{photo.name}.xmp"]
    assert rating_in((photo.parent / f"{photo.name}.xmp").read_bytes()) == 4
    assert (photo.stat().st_mtime_ns, photo.read_bytes()) == (before.st_mtime_ns, b"pixels")


@pytest.mark.parametrize("form", forms(2))
@pytest.mark.parametrize("name", ["photo.jpg.xmp", "photo.xmp", "photo.XMP"])
def test_a_rating_that_is_there_is_kept_whichever_program_wrote_it(tmp_path: Path, form: bytes, name: str) -> None:
    photo = photo_in(tmp_path)
    (tmp_path / name).write_bytes(form)
    for names in ("full", "stem", "both"):
        (outcome,) = write_ratings([Shot([photo], 5, None)], names, overwrite=False)  # type: ignore[arg-type]
        assert (outcome.word, (tmp_path / name).read_bytes()) == ("kept", form)
    assert len(list(tmp_path.iterdir())) == 2
    (outcome,) = write_ratings([Shot([photo], 5, None)], "both", overwrite=True)
    assert (outcome.word, rating_in((tmp_path / name).read_bytes())) == ("written", 5)


def test_a_rating_inside_the_photo_is_kept(tmp_path: Path) -> None:
    photo = photo_in(tmp_path)
    (kept,) = write_ratings([Shot([photo], 5, 3)], "full", overwrite=False)
    assert (kept.word, list(tmp_path.iterdir())) == ("kept", [photo])
    (written,) = write_ratings([Shot([photo], 5, 3)], "full", overwrite=True)
    assert written.word == "written"


def test_a_sidecar_without_a_rating_keeps_its_content_permissions_and_link(tmp_path: Path) -> None:
    photo = photo_in(tmp_path / "photos")
    real = tmp_path / "elsewhere.xmp"
    real.write_bytes(packet('xmp:Rating="0"', KEYWORDS))
    real.chmod(0o640)
    (photo.parent / "photo.jpg.xmp").symlink_to(real)
    (outcome,) = write_ratings([Shot([photo], 2, None)], "full", overwrite=False)
    assert outcome.word == "written"
    assert (photo.parent / "photo.jpg.xmp").is_symlink()
    assert rating_in(real.read_bytes()) == 2
    assert "été".encode() in real.read_bytes()
    if os.name != "nt":
        assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_broken_sidecar_is_left_alone_and_reported_even_if_ratings_are_replaced(tmp_path: Path) -> None:
    photo = photo_in(tmp_path)
    (tmp_path / "photo.jpg.xmp").write_bytes(b"<x")
    for overwrite in (False, True):
        (outcome,) = write_ratings([Shot([photo], 2, None)], "full", overwrite)
        assert outcome.word == "broken"
        assert outcome.text.startswith("photo.jpg.xmp: is not XML")
    assert (tmp_path / "photo.jpg.xmp").read_bytes() == b"<x"
    (tmp_path / "photo.xmp").mkdir()
    (outcome,) = write_ratings([Shot([photo_in(tmp_path, "photo.png")], 2, None)], "stem", overwrite=False)
    assert outcome == ("broken", "photo.xmp: is not a file; it was left as it is")


def test_a_sidecar_of_two_photos_is_not_written(tmp_path: Path) -> None:
    shots = [Shot([photo_in(tmp_path, name)], 3, None) for name in ("a.jpg", "a.png", "b.jpg")]
    words = [outcome.word for outcome in write_ratings(shots, "stem", overwrite=False)]
    assert words == ["shared", "shared", "written"]
    assert [path.name for path in tmp_path.glob("*.xmp")] == ["b.xmp"]


def test_a_folder_that_cannot_be_written_costs_only_its_own_sidecars(tmp_path: Path) -> None:
    gone, there = photo_in(tmp_path / "gone"), photo_in(tmp_path / "there")
    gone.unlink()
    gone.parent.rmdir()
    gone.parent.write_bytes(b"")  # a file in its place, which refuses root too
    words = [each.word for each in write_ratings([Shot([gone], 1, None), Shot([there], 1, None)], "full", False)]
    assert words == ["failed", "written"]


def test_another_style_is_refused_in_one_line() -> None:
    with pytest.raises(UsageError, match=r"^sidecars=true: must be full \(photo.jpg.xmp: darktable"):
        check_names(True)
