"""Reading photos to cull them: drafts, raw files by their previews, HEIC."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from fixtures.photos import noisy_gradient
from fixtures.raw_files import write_dng
from iqbench.culling import reading
from iqbench.culling.reading import DRAFT_SIDE, read
from iqbench.interfaces import PhotoFile
from iqbench.photos import PhotoError


def jpeg(height: int, width: int, **options: object) -> bytes:
    data = io.BytesIO()
    Image.fromarray(noisy_gradient(height, width)).save(data, "JPEG", quality=90, **options)
    return data.getvalue()


def file(path: Path) -> PhotoFile:
    return PhotoFile(f"./{path.name}", path)


def test_a_draft_keeps_so_many_pixels_and_only_large_jpegs_have_one(tmp_path: Path) -> None:
    large, small, other = tmp_path / "a.jpg", tmp_path / "b.jpg", tmp_path / "c.png"
    large.write_bytes(jpeg(1100, 2300))
    small.write_bytes(jpeg(600, 900))
    Image.fromarray(noisy_gradient(1100, 1300)).save(other)
    assert read(file(large), "full").pixels.shape == (1100, 2300, 3)
    assert read(file(large), "draft").pixels.shape == (550, 1150, 3)
    assert read(file(small), "draft").pixels.shape == (600, 900, 3)
    assert read(file(other), "draft").pixels.shape == (1100, 1300, 3)
    assert min(read(file(large), "draft").pixels.shape[:2]) >= DRAFT_SIDE


def test_a_draft_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    (tmp_path / "a.jpg").write_bytes(jpeg(1100, 2300, exif=exif))
    assert read(file(tmp_path / "a.jpg"), "draft").pixels.shape == (1150, 550, 3)


@pytest.mark.parametrize(("orientation", "shape"), [(1, (120, 160, 3)), (6, (160, 120, 3)), (8, (160, 120, 3))])
def test_a_raw_file_is_its_preview_turned_upright_with_its_own_time(
    tmp_path: Path, orientation: int, shape: tuple[int, ...]
) -> None:
    pytest.importorskip("rawpy")
    preview = jpeg(120, 160)
    write_dng(tmp_path / "a.dng", preview, (160, 120), orientation, "1970:01:01 00:01:00")
    photo = read(file(tmp_path / "a.dng"), "full")
    turns = {1: 0, 6: 3, 8: 1}[orientation]
    assert photo.pixels.shape == shape
    assert np.array_equal(photo.pixels, np.rot90(np.asarray(Image.open(io.BytesIO(preview))), turns))
    assert photo.metadata.taken == 60


def test_a_preview_that_says_how_it_is_turned_is_turned_once(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    write_dng(tmp_path / "a.dng", jpeg(120, 160, exif=exif), (160, 120), 6)
    assert read(file(tmp_path / "a.dng"), "full").pixels.shape == (160, 120, 3)


def test_a_raw_file_that_is_none_is_refused_with_the_reason(tmp_path: Path) -> None:
    pytest.importorskip("rawpy")
    (tmp_path / "a.nef").write_bytes(b"II*\0" + b"x" * 3000)
    with pytest.raises(PhotoError, match="a raw file without a preview that can be read") as error:
        read(file(tmp_path / "a.nef"), "full")
    assert error.value.code == "unsupported_format"


def test_a_heic_photo_is_read_upright_with_its_time(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "1970:01:01 00:01:00"
    image = pillow_heif.from_pillow(Image.fromarray(noisy_gradient(120, 160)))
    image.save(tmp_path / "a.heic", exif=exif.tobytes())
    photo = read(file(tmp_path / "a.heic"), "full")
    assert (photo.pixels.shape, photo.metadata.taken) == ((160, 120, 3), 60)
    (tmp_path / "b.heic").write_bytes((tmp_path / "a.heic").read_bytes()[:400])
    with pytest.raises(PhotoError, match="damaged or cut short"):
        read(file(tmp_path / "b.heic"), "full")


def test_without_the_extra_the_reason_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reading.EXTRAS, "raw", "no_such_package")
    assert reading.missing_extra(Path("a.CR3")) == "raw"
    write_dng(tmp_path / "a.dng", jpeg(120, 160), (160, 120))
    with pytest.raises(PhotoError, match=r"needs no_such_package: pip install 'iqbench\[raw\]'"):
        read(file(tmp_path / "a.dng"), "full")
