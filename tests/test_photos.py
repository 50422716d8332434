import ast
import hashlib
import io
import os
import pickle
import socket
import struct
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL import features as pillow_features

from fixtures import broken_files
from fixtures.systems import needs_pipes
from iqbench import photos
from iqbench.photos import Limits, PhotoError, decode, read, starts_like_a_photo

SOURCE = Path(photos.__file__).parent
LOSSLESS = [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("BMP", {})]
EVERY_FORMAT = [*LOSSLESS, ("JPEG", {}), ("JPEG", {"progressive": True}), ("AVIF", {}), ("GIF", {})]


def scene(height: int = 40, width: int = 48) -> Image.Image:
    """Return a picture without any symmetry, smooth enough for JPEG."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x * 5, y * 6, (x + 2 * y) * 2], axis=-1).astype(np.uint8))


def assert_fails(data: bytes, code: str, limits: Limits = photos.STANDARD_LIMITS) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        decode(data, limits)
    assert caught.value.code == code
    message = str(caught.value)
    assert message.isprintable()
    assert 10 < len(message) < 220
    return caught.value


@pytest.mark.parametrize(("format", "options"), LOSSLESS)
def test_a_lossless_photo_comes_back_exactly(format: str, options: dict) -> None:
    pixels, notes = decode(broken_files.encoded(scene(), format, **options))
    assert np.array_equal(pixels, np.asarray(scene()))
    assert (pixels.dtype, pixels.flags.c_contiguous, notes) == (np.uint8, True, ())


@pytest.mark.parametrize(("format", "options"), EVERY_FORMAT)
def test_nothing_can_alter_the_pixels(format: str, options: dict) -> None:
    pixels, _ = decode(broken_files.encoded(scene(), format, **options))
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 0


def test_pillow_has_the_codecs_that_are_promised() -> None:
    assert all(pillow_features.check(name) for name in ("webp", "avif", "jpg", "zlib", "libtiff", "littlecms2"))


# Damage


@pytest.mark.parametrize(("format", "options"), [*EVERY_FORMAT, ("TIFF", {"compression": "tiff_lzw"})])
def test_a_photo_truncated_at_any_byte_is_corrupt(format: str, options: dict) -> None:
    data = broken_files.encoded(scene(), format, **options)
    # The last two bytes of a GIF are an empty block and an end mark: the picture is whole without them.
    size = len(data) - (2 if format == "GIF" else 0)
    cuts = {*range(1, 20), *np.linspace(20, size - 1, 20, dtype=int).tolist(), *range(size - 24, size)}
    for cut in sorted(cuts):
        assert_fails(data[:cut], "corrupt")


def test_a_png_without_its_end_mark_is_corrupt_though_pillow_reads_it() -> None:
    data = broken_files.encoded(scene(), "PNG")[:-12]
    assert "end mark" in str(assert_fails(data, "corrupt"))


def test_a_png_with_a_broken_chunk_is_corrupt() -> None:
    assert_fails(broken_files.with_broken_chunk(broken_files.encoded(scene(), "PNG")), "corrupt")


def test_a_text_bomb_is_corrupt() -> None:
    assert_fails(broken_files.with_text_bomb(broken_files.encoded(scene(), "PNG")), "corrupt")


def test_damaged_bytes_give_a_photo_or_a_photo_error_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[274] = 6
    codes = set()
    for format, options in EVERY_FORMAT:
        data = np.frombuffer(broken_files.encoded(scene(), format, **options, exif=exif), np.uint8)
        for _ in range(60):
            damaged = data.copy()
            damaged[rng.integers(0, min(len(data), 900), size=4)] = rng.integers(0, 256, size=4)
            try:
                decode(damaged.tobytes())
            except PhotoError as error:
                codes.add(error.code)
    assert {"corrupt", "not_an_image"} <= codes
    assert codes <= {"corrupt", "not_an_image", "too_many_pixels", "too_small", "unsupported_format"}


def test_an_empty_file_is_empty() -> None:
    assert_fails(b"", "empty")


NOT_IMAGES = {
    "html": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "text": b"this is not a photo\n" * 20,
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n",
    "pdf": b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>',
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "psd": b"8BPS\0\x01" + bytes(100),
    "ico": b"\0\0\x01\0\x01\0\x10\x10" + bytes(100),
}


@pytest.mark.parametrize("name", NOT_IMAGES)
def test_files_that_are_not_images_are_refused_and_no_program_is_started(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def started(*args: object, **options: object) -> None:
        raise AssertionError(f"a program was started: {args}")

    monkeypatch.setattr("subprocess.Popen.__init__", started)
    (tmp_path / "photo.jpg").write_bytes(NOT_IMAGES[name])
    with pytest.raises(PhotoError) as caught:
        read(tmp_path / "photo.jpg")
    assert caught.value.code == "not_an_image"


def test_a_png_named_jpg_is_fine(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(broken_files.encoded(scene(), "PNG"))
    assert np.array_equal(read(tmp_path / "photo.jpg").pixels, np.asarray(scene()))


def test_a_shortage_of_memory_and_a_broken_installation_are_not_the_photos_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for error in (MemoryError, ImportError):

        def fail(*args: object, error: type[Exception] = error, **options: object) -> None:
            raise error

        monkeypatch.setattr(Image, "open", fail)
        with pytest.raises(error):
            decode(broken_files.encoded(scene(), "PNG"))


def test_control_characters_in_a_file_do_not_reach_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **options: object) -> None:
        raise ValueError("\x1b[31mTraceback (most recent call last):\n\tFile\u202e" + "x" * 5000)

    monkeypatch.setattr(Image, "open", fail)
    assert_fails(broken_files.encoded(scene(), "PNG"), "corrupt")


def test_a_photo_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(PhotoError("corrupt", "cut short")))
    assert (error.code, str(error)) == ("corrupt", "cut short")


# Limits


def test_too_many_pixels_are_refused_from_the_header_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*args: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    data = broken_files.encoded(scene(), "PNG")
    for width, height in ((8001, 8000), (10_000, 9_000), (20_000, 20_000), (60_000, 60_000)):
        assert_fails(broken_files.with_png_size(data, width, height), "too_many_pixels")


def test_the_limits_are_settings() -> None:
    data = broken_files.encoded(scene(40, 48), "PNG")
    assert decode(data, Limits(40 * 48, 40))[0].shape == (40, 48, 3)
    assert_fails(data, "too_many_pixels", Limits(40 * 48 - 1, 40))
    assert_fails(data, "too_small", Limits(40 * 48, 41))


def test_a_photo_of_31_pixels_is_too_small_and_an_extreme_panorama_is_fine() -> None:
    assert_fails(broken_files.encoded(scene(400, 31), "PNG"), "too_small")
    assert decode(broken_files.encoded(scene(32, 6000), "PNG"))[0].shape == (32, 6000, 3)


# Orientation

TURNS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p, -1),
}
"""The stored form of an upright picture for each EXIF orientation, the inverse of a viewer's rotation."""


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize(("format", "options"), [*LOSSLESS[:3], ("JPEG", {"quality": 95, "subsampling": 0})])
def test_every_orientation_comes_back_upright(format: str, options: dict, orientation: int) -> None:
    stored = Image.fromarray(np.ascontiguousarray(TURNS[orientation](np.asarray(scene()))))
    exif = Image.Exif()
    exif[274] = orientation
    pixels, notes = decode(broken_files.encoded(stored, format, exif=exif, **options))
    assert pixels.shape == (40, 48, 3)
    assert notes == ()
    assert pixels.flags.c_contiguous
    difference = np.abs(pixels.astype(int) - np.asarray(scene())).max()
    assert difference <= (12 if format == "JPEG" else 0)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    "exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0MM\0*\0\0\0\x08\0\x40"]
)
def test_a_photo_with_broken_exif_is_scored_as_it_is_and_noted(format: str, exif: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pixels, notes = decode(broken_files.encoded(scene(), format, exif=exif, quality=95))
    assert pixels.shape == (40, 48, 3)
    assert len(notes) >= 1
    assert all(note.isprintable() and "EXIF" in note for note in notes)


def test_an_orientation_that_does_not_exist_is_noted() -> None:
    exif = Image.Exif()
    exif[274] = 9
    pixels, notes = decode(broken_files.encoded(scene(), "PNG", exif=exif))
    assert np.array_equal(pixels, np.asarray(scene()))
    assert notes == ("EXIF orientation 9 does not exist, shown as stored",)


# Depth


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_16_bit_grey_keeps_its_upper_8_bits(format: str, order: str) -> None:
    grey = (np.arange(40 * 48, dtype=np.uint16).reshape(40, 48) * 34).astype(order)
    pixels, _ = decode(broken_files.encoded(Image.fromarray(grey), format))
    assert np.array_equal(pixels, np.repeat((grey >> 8)[..., None], 3, axis=2))


def test_16_bit_grey_is_turned_upright_and_laid_on_white() -> None:
    grey = np.full((40, 48), 0x8000, np.uint16)
    grey[0, 0] = 7
    exif = Image.Exif()
    exif[274] = 6
    pixels, _ = decode(broken_files.encoded(Image.fromarray(grey), "PNG", exif=exif, transparency=7))
    assert pixels.shape == (48, 40, 3)
    assert pixels[0, -1].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [128, 128, 128]


def test_16_bit_grey_in_which_zero_is_white_is_not_shown_as_a_negative() -> None:
    data = broken_files.encoded(Image.fromarray(np.full((40, 48), 0x2000, np.uint16)), "TIFF")
    black_is_zero, white_is_zero = (struct.pack("<HHIHH", 262, 3, 1, value, 0) for value in (1, 0))
    assert data.count(black_is_zero) == 1
    assert decode(data)[0][0, 0, 0] == 0x20
    assert decode(data.replace(black_is_zero, white_is_zero))[0][0, 0, 0] == 255 - 0x20


def test_12_bit_grey_keeps_its_upper_8_bits() -> None:
    data = broken_files.encoded(Image.fromarray(np.full((40, 32), 0xABAB, np.uint16)), "TIFF")
    depth16, depth12 = (struct.pack("<HHIHH", 258, 3, 1, bits, 0) for bits in (16, 12))
    assert data.count(depth16) == 1
    pixels, _ = decode(data.replace(depth16, depth12))
    assert set(pixels.ravel().tolist()) == {0xAB, 0xBA}


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_grey_without_an_agreed_white_is_refused(kind: type) -> None:
    image = Image.fromarray(np.full((40, 48), 0.5).astype(kind))
    assert_fails(broken_files.encoded(image, "TIFF"), "unsupported_format")


# Transparency, palettes, inks, frames


def on_white(value: int, alpha: int) -> int:
    return round((value * alpha + 255 * (255 - alpha)) / 255)


@pytest.mark.parametrize(("mode", "format"), [("RGBA", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("LA", "TIFF")])
@pytest.mark.parametrize("alpha", [0, 1, 100, 254, 255])
def test_transparent_pixels_lie_on_white(mode: str, format: str, alpha: int) -> None:
    colour = (40, 90, 200)[: len(mode) - 1]
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    pixels, _ = decode(broken_files.encoded(Image.new(mode, (40, 40), (*colour, alpha)), format, **options))
    expected = [on_white(value, alpha) for value in (colour * 3)[:3]]
    assert np.abs(pixels[0, 0].astype(int) - expected).max() <= (0 if alpha in (0, 255) else 1)


@pytest.mark.parametrize(
    ("image", "key"),
    [
        (Image.new("1", (40, 40), 0), 0),
        (Image.new("L", (40, 40), 7), 7),
        (Image.new("RGB", (40, 40), (1, 2, 3)), (1, 2, 3)),
        (Image.new("P", (40, 40), 0), 0),
        (Image.new("P", (40, 40), 0), b"\0\xff"),
    ],
)
def test_a_transparent_colour_lies_on_white(image: Image.Image, key: object) -> None:
    assert decode(broken_files.encoded(image, "PNG", transparency=key))[0].min() == 255


def test_a_transparent_gif_lies_on_white() -> None:
    assert decode(broken_files.encoded(Image.new("P", (40, 40), 0), "GIF", transparency=0))[0].min() == 255


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_become_rgb(mode: str) -> None:
    image = scene().convert(mode)
    assert np.array_equal(decode(broken_files.encoded(image, "PNG"))[0], np.asarray(image.convert("RGB")))


def test_a_cmyk_jpeg_is_not_shown_as_a_negative() -> None:
    pixels, _ = decode(broken_files.encoded(Image.new("CMYK", (40, 40), (255, 0, 0, 0)), "JPEG"))
    assert np.abs(pixels[0, 0].astype(int) - [0, 255, 255]).max() <= 2


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_of_several_frames_the_first_is_scored(format: str) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue", "white")]
    data = broken_files.encoded(frames[0], format, save_all=True, append_images=frames[1:])
    assert np.abs(decode(data)[0][20, 20].astype(int) - [255, 0, 0]).max() <= 2


# Colour profiles


def to_srgb(colour: tuple[int, int, int], primaries: np.ndarray, gamma: float) -> list[int]:
    """Return the conversion step by step: gamma, primaries, inverse of sRGB's primaries, sRGB's curve."""
    light = (np.array(colour) / 255) ** gamma @ np.array(primaries) @ np.linalg.inv(np.array(broken_files.SRGB))
    light = light.clip(0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return [round(value * 255) for value in curved]


@pytest.mark.parametrize(
    ("primaries", "gamma"),
    [(broken_files.ADOBE_RGB, 2.2), (broken_files.DISPLAY_P3, 2.2), (broken_files.PROPHOTO, 1.8)],
)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_a_wide_profile_is_converted_to_srgb(format: str, primaries: np.ndarray, gamma: float) -> None:
    colour = (150, 120, 90)
    profile = broken_files.matrix_profile(primaries, gamma)
    options = {"lossless": True} if format == "WEBP" else {}
    data = broken_files.encoded(Image.new("RGB", (40, 40), colour), format, icc_profile=profile, **options)
    pixels, notes = decode(data)
    expected = to_srgb(colour, primaries, gamma)
    assert max(abs(a - b) for a, b in zip(expected, colour, strict=True)) > 5
    assert np.abs(pixels[0, 0].astype(int) - expected).max() <= 1
    assert notes == ()


def test_a_profile_that_is_srgb_leaves_pixels_as_they_are() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    srgb = ImageCms.createProfile("sRGB")
    rounded = broken_files.matrix_profile(broken_files.SRGB, gamma=None)
    moved = ImageCms.profileToProfile(Image.fromarray(colours), ImageCms.ImageCmsProfile(io.BytesIO(rounded)), srgb)
    assert not np.array_equal(moved, colours)
    for profile in (ImageCms.ImageCmsProfile(srgb).tobytes(), rounded):
        pixels, notes = decode(broken_files.encoded(Image.fromarray(colours), "PNG", icc_profile=profile))
        assert np.array_equal(pixels, colours)
        assert notes == ()


@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_a_grey_profile_is_used(mode: str) -> None:
    colour = {"L": 55, "1": 255, "LA": (55, 255)}[mode]
    image = Image.new(mode, (40, 40), colour)
    pixels, notes = decode(broken_files.encoded(image, "PNG", icc_profile=broken_files.grey_profile(gamma=1.0)))
    expected = {"L": 128, "1": 255, "LA": 128}[mode]  # 55/255 of the light is 128 in sRGB
    assert np.abs(pixels.astype(int) - expected).max() <= 1
    assert notes == ()


def test_a_grey_photo_with_an_rgb_profile_is_converted_too() -> None:
    profile = broken_files.matrix_profile(broken_files.ADOBE_RGB, gamma=1.0)
    pixels, notes = decode(broken_files.encoded(Image.new("L", (40, 40), 55), "PNG", icc_profile=profile))
    assert np.abs(pixels.astype(int) - 128).max() <= 1
    assert notes == ()


def test_a_cmyk_profile_is_used() -> None:
    inks = Image.new("CMYK", (40, 40), (255, 0, 0, 0))  # clear, says the profile; cyan, says Pillow
    pixels, notes = decode(broken_files.encoded(inks, "TIFF", icc_profile=broken_files.cmyk_profile()))
    assert pixels.min() >= 254
    assert notes == ()


@pytest.mark.parametrize(
    "profile", [b"garbage", bytes(200), broken_files.cmyk_profile(), broken_files.grey_profile(1.0)]
)
def test_a_profile_that_is_broken_or_does_not_fit_is_noted_and_left_out(profile: bytes) -> None:
    pixels, notes = decode(broken_files.encoded(scene(), "PNG", icc_profile=profile))
    assert np.array_equal(pixels, np.asarray(scene()))
    assert len(notes) == 1
    assert notes[0].startswith("colour profile cannot be used")


# Formats that are refused


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"hevc", b"mif1", b"msf1"])
def test_heic_is_refused_with_what_to_do(brand: bytes) -> None:
    assert "convert it to JPEG or PNG" in str(assert_fails(broken_files.heic(brand), "unsupported_format"))


def test_an_avif_that_starts_like_heic_is_read() -> None:
    data = broken_files.encoded(scene(), "AVIF")
    assert decode(data[:8] + b"mif1" + data[12:])[0].shape == (40, 48, 3)


def test_jpeg_xl_is_refused() -> None:
    assert_fails(b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100), "unsupported_format")
    assert_fails(b"\xff\x0a" + bytes(100), "unsupported_format")


def test_a_raw_file_is_refused_though_pillow_sees_a_thumbnail() -> None:
    assert_fails(broken_files.dng(), "unsupported_format", Limits(64_000_000, 1))


def test_a_tiff_whose_first_picture_is_a_preview_is_refused() -> None:
    assert_fails(broken_files.encoded(scene(), "TIFF", tiffinfo={254: 1}), "unsupported_format")


@pytest.mark.parametrize(
    "start", [b"II*\0\x10\0\0\0CR\2\0", b"FUJIFILMCCD-RAW ", b"\0\0\0\x18ftypcrx ", b"IIU\0", b"IIRO"]
)
def test_raw_files_are_known_by_their_first_bytes(start: bytes) -> None:
    assert_fails(start + bytes(100), "unsupported_format")


@pytest.mark.parametrize("name", ["a.dng", "a.NEF", "a.cr2", "new\nline.arw"])
def test_raw_files_are_known_by_their_names(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(broken_files.encoded(scene(), "TIFF"))
    with pytest.raises(PhotoError, match="raw file") as caught:
        read(tmp_path / name)
    assert caught.value.code == "unsupported_format"


def test_every_format_is_known_by_its_first_bytes_and_other_files_are_not() -> None:
    for format, options in EVERY_FORMAT:
        assert starts_like_a_photo(broken_files.encoded(scene(), format, **options)[:16]), format
    assert starts_like_a_photo(broken_files.heic()[:16])
    assert not any(starts_like_a_photo(content[:16]) for content in NOT_IMAGES.values())
    assert not any(starts_like_a_photo(head) for head in (b"", b"\xff", b"BM is short for bitmap"[:16]))


# Files


def code_of(path: Path) -> str:
    with pytest.raises(PhotoError) as caught:
        read(path)
    return caught.value.code


def test_the_hash_and_size_are_those_of_the_bytes(tmp_path: Path) -> None:
    data = broken_files.encoded(scene(), "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)
    photo = read(tmp_path / "a.jpg")
    assert (photo.sha256, photo.file_bytes) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_photo_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    real = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: reads.append(path) or real(path))
    (tmp_path / "a.png").write_bytes(broken_files.encoded(scene(), "PNG"))
    read(tmp_path / "a.png")
    assert reads == [tmp_path / "a.png"]


@needs_pipes
def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    codes: list[str] = []
    reader = threading.Thread(target=lambda: codes.append(code_of(tmp_path / "a.jpg")), daemon=True)
    reader.start()
    reader.join(timeout=10)
    assert codes == ["not_a_file"]


@needs_pipes
def test_folders_sockets_and_broken_links_are_not_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "broken.jpg").symlink_to("nowhere")
    (tmp_path / "itself.jpg").symlink_to("itself.jpg")
    monkeypatch.chdir(tmp_path)  # a socket's path is limited to 107 bytes
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.jpg")
        names = ("folder.jpg", "broken.jpg", "itself.jpg", "socket.jpg")
        assert {name: code_of(tmp_path / name) for name in names} == dict.fromkeys(names, "not_a_file")
    assert code_of(Path("/dev/null")) == "not_a_file"


def test_a_photo_that_has_gone_has_vanished(tmp_path: Path) -> None:
    assert code_of(tmp_path / "a.jpg") == "vanished"
    (tmp_path / "file").touch()
    assert code_of(tmp_path / "file" / "a.jpg") == "vanished"


def test_a_photo_without_read_permission_has_its_own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert code_of(tmp_path / "a.jpg") == "permission"


def test_a_photo_that_is_being_written_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = broken_files.encoded(scene(), "PNG")
    (tmp_path / "a.png").write_bytes(data)
    monkeypatch.setattr(Path, "read_bytes", lambda path: data + b"more")
    assert code_of(tmp_path / "a.png") == "changed"


def test_a_failing_disk_is_not_the_photos_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "read_bytes", fail)
    (tmp_path / "a.jpg").write_bytes(b"x")
    with pytest.raises(OSError, match="Input/output"):
        read(tmp_path / "a.jpg")


def test_a_file_too_long_for_any_photo_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.tif").open("wb") as file:
        file.truncate(2 * 10**9)  # sparse: takes no room
    assert code_of(tmp_path / "a.tif") == "too_many_bytes"


# Guards


def test_no_other_module_opens_images() -> None:
    from iqbench.culling import reading
    from iqbench.degradations import codecs

    # codecs decodes what it has encoded in memory, reading takes the preview out of a raw file
    may_open = (Path(photos.__file__), Path(codecs.__file__), Path(reading.__file__))
    opened = []
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            named = ast.unparse(node) if isinstance(node, ast.Attribute | ast.ImportFrom | ast.Import) else ""
            if any(word in named for word in ("cv2.imread", "torchvision.io", "LOAD_TRUNCATED", "MAX_IMAGE_PIXELS")):
                opened.append(f"{path.name}: {named}")
            reader = named == "Image.open" or named.endswith((".imread", "PIL.Image.open"))
            if reader and path not in may_open:
                opened.append(f"{path.name}: {named}")
    assert opened == []
