"""Capture time and rating in a photo."""

import io

import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from iqbench.culling.metadata import RATING, Metadata, metadata
from iqbench.culling.reading import metadata_of_image
from iqbench.culling.sidecars import NEW

Tag = ExifTags.Base


def picture(kind: str = "JPEG", rating: int | None = None, xmp: bytes | None = None, **tags: str) -> bytes:
    exif = Image.Exif()
    exif[Tag.Make] = "a camera"  # Pillow writes no EXIF into a PNG without it
    exif.get_ifd(ExifTags.IFD.Exif).update({Tag[name]: value for name, value in tags.items()})
    if rating is not None:
        exif[RATING] = rating
    data = io.BytesIO()
    more: dict[str, object] = {} if xmp is None else {"xmp": xmp}
    if xmp is not None and kind == "PNG":
        more = {"pnginfo": PngInfo()}
        more["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode())  # type: ignore[attr-defined]
    Image.new("RGB", (40, 40)).save(data, kind, exif=exif, **more)
    return data.getvalue()


TIME = "1970:01:02 00:00:01"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_capture_time_has_its_fraction_and_its_offset(kind: str) -> None:
    data = picture(kind, DateTimeOriginal=TIME, SubsecTimeOriginal="250", OffsetTimeOriginal="+02:00")
    assert metadata(data) == Metadata(86401.25, 7200, None)


def test_the_time_of_another_tag_or_a_broken_one_is_none() -> None:
    assert metadata(picture(DateTime=TIME)).taken is None
    for broken in ("0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday", "2024:13:01 00:00:00"):
        assert metadata(picture(DateTimeOriginal=broken)).taken is None
    assert metadata(picture(DateTimeOriginal=TIME, SubsecTimeOriginal="x", OffsetTimeOriginal="?")) == (
        86401,
        None,
        None,
    )


@pytest.mark.parametrize("data", [b"", b"Dear diary", picture()[:100], b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_cannot_be_read_has_no_metadata(data: bytes) -> None:
    assert metadata(data) == Metadata()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_rating_in_exif_or_xmp_is_found_and_a_cameras_zero_is_none(kind: str) -> None:
    def xmp(stars: int) -> bytes:
        return NEW.format(version="", rating=stars).encode()

    assert metadata(picture(kind, rating=4)).rating == 4
    assert metadata(picture(kind, xmp=xmp(-1))).rating == -1
    assert metadata(picture(kind, rating=0, xmp=xmp(0))).rating is None
    assert metadata(picture(kind, rating=0, xmp=xmp(2))).rating == 2
    assert metadata(picture(kind, xmp=b"<x")).rating is None


def test_a_picture_in_memory_has_the_metadata_of_its_file() -> None:
    image = Image.open(io.BytesIO(picture(DateTimeOriginal=TIME, rating=3)))
    assert metadata_of_image(image) == Metadata(86401, None, 3)
