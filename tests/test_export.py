"""The export: every picture of a benchmark as a file, for programs in any language."""

import csv
import os
import shutil
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest
from PIL import Image

from fixtures.broken_files import encoded
from fixtures.command_line import run
from fixtures.exports import CROPS, exported, made, manifest, request, scored
from fixtures.kill_points import count_steps, killed_at
from fixtures.photos import noisy_gradient
from iqbench import photos
from iqbench.errors import DiskError
from iqbench.export import export
from iqbench.exporting import picture_files
from iqbench.exporting.disk_room import check_room, estimated_bytes
from iqbench.exporting.picture_files import PictureFiles, photo_stem, picture_names
from iqbench.interfaces import NotApplicable, PhotoFile, Variant
from iqbench.picture_manifest import PictureRow, manifest_text, pixel_digest, read_manifest

HOSTILE = [
    "./a b.jpg", "./a,b.jpg", "./Ärger/é.jpg", "./é.jpg", "./e\u0301.jpg", "./CON.jpg", "./con.jpg", "./nul", "./x.jpg",
    "./X.jpg", "./a:b?.jpg", './"q".jpg', "./a\\\\b.jpg", "./日本.jpg", "./..jpg", "./.jpg", "./a\nb.jpg",
    "./" + "n" * 250 + ".jpg", "./sub/x.jpg", "./sub/sub/x.jpg", "./trailing. .jpg", "./-x.jpg", "./%P%.jpg",
]  # fmt: skip


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def test_every_picture_of_the_suite_is_written_without_loss_and_listed(folder: Path, tmp_path: Path) -> None:
    (folder / "a.png").rename(folder / "Über, a b.png")
    rows = exported(folder, tmp_path / "out")
    asked = request(folder)
    variants, files = asked.suite(), {file.name: file for file in asked.photos().files}
    assert len(rows) == 3 * (1 + 2 + 2) == len({row.file for row in rows})
    by_key = {variant.key: variant for variant in variants}
    for row, listed in zip(rows, manifest(tmp_path / "out"), strict=True):
        original = photos.read(files[row.photo].path)
        picture = original.pixels
        if row.variant != "original":
            picture = by_key[row.variant].picture(picture, None)
        with Image.open(tmp_path / "out" / row.file) as image:
            assert np.array_equal(np.asarray(image), picture)
        assert listed == {
            "file": row.file,
            "photo": row.photo,
            "variant": row.variant,
            "status": "ok",
            "error": "",
            "sha256": original.sha256,
            "digest": pixel_digest(picture),
            "width": str(picture.shape[1]),
            "height": str(picture.shape[0]),
        }
    assert {row.variant for row in rows} == {"original", *by_key} >= {"control/identity", "control/reencode"}
    assert "./Über, a b.png" in {row.photo for row in rows}


def test_the_digest_depends_on_the_pixels_and_the_shape_alone(photo: np.ndarray) -> None:
    changed = photo.copy()
    changed[3, 4, 1] ^= 1
    assert pixel_digest(photo) == pixel_digest(np.asfortranarray(photo)) != pixel_digest(changed)
    assert pixel_digest(photo) != pixel_digest(photo.reshape(photo.shape[1], photo.shape[0], 3))


def test_the_template_has_a_line_for_each_file_and_is_left_alone_once_it_holds_a_score(
    folder: Path, tmp_path: Path
) -> None:
    rows = exported(folder, tmp_path / "out")
    template = tmp_path / "out" / "scores.csv"
    assert template.read_text() == "file,score\n" + "".join(f"{row.file},\n" for row in rows)
    (folder / "c.png").unlink()
    exported(folder, tmp_path / "out")
    assert len(template.read_text().splitlines()) == 1 + 2 * 5
    scored(tmp_path / "out")
    filled = template.read_bytes()
    exported(folder, tmp_path / "out")
    assert template.read_bytes() == filled


def test_an_export_goes_on_with_what_is_missing_or_wrong(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rows = exported(folder, out)
    whole = content(out)
    pictures = {photo: [row.file for row in rows if row.photo == photo] for photo in ("./a.png", "./b.png", "./c.png")}
    (out / pictures["./a.png"][2]).unlink()
    flipped = bytearray((out / pictures["./b.png"][3]).read_bytes())
    flipped[-20] ^= 1
    (out / pictures["./b.png"][3]).write_bytes(flipped)
    untouched = (out / pictures["./c.png"][0]).stat()
    exported(folder, out)
    assert content(out) == whole
    assert (out / pictures["./c.png"][0]).stat().st_ino == untouched.st_ino
    Image.fromarray(noisy_gradient(50, 60, seed=9)).save(folder / "c.png")
    changed = exported(folder, out)
    assert {row.digest for row in changed if row.photo == "./c.png"}.isdisjoint({row.digest for row in rows})
    assert [row for row in changed if row.photo != "./c.png"] == [row for row in rows if row.photo != "./c.png"]


@pytest.mark.slow
def test_another_suite_is_written_anew_and_photos_that_are_gone_take_their_pictures_along(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    exported(folder, out)
    (folder / "a.png").unlink()
    rows = exported(folder, out, "degradation=blur")
    assert {path.relative_to(out).as_posix() for path in out.rglob("*.png")} == {row.file for row in rows}
    assert len(rows) == 2 * (1 + 4 + 2)


def test_a_folder_without_a_manifest_is_no_whole_export(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    exported(folder, out)
    whole = content(out)
    written = PictureFiles._written

    def fails_at_b(self: PictureFiles, file: PhotoFile, decoded: photos.DecodedPhoto) -> list[PictureRow]:
        if file.name == "./b.png":
            raise OSError(28, "No space left on device")
        return written(self, file, decoded)

    next((out / "pictures").glob("b-*/*_original.png")).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(PictureFiles, "_written", fails_at_b)
        with pytest.raises(OSError, match="No space"):
            exported(folder, out)
    assert not (out / "manifest.csv").exists()
    exported(folder, out)
    assert content(out) == whole


def test_a_damaged_photo_is_listed_with_its_status_and_the_exit_code_tells(folder: Path, tmp_path: Path) -> None:
    (folder / "b.png").write_bytes((folder / "b.png").read_bytes()[:200])
    (folder / "empty.jpg").touch()
    out = tmp_path / "out"
    arguments = ("data=folder", f"data.root={folder}", CROPS, "engine.workers=0", f"out={out}")
    outcome = run("export", *arguments)
    assert outcome.exit_code == 3
    assert outcome.last_line == (
        "iqbench.export: finished, but pictures are missing: 5 corrupt, 5 empty; see status and error in manifest.csv"
    )
    rows = manifest(out)
    assert [row["status"] for row in rows if row["photo"] == "./b.png"] == ["corrupt"] * 5
    assert {(row["status"], row["file"], row["digest"]) for row in rows if row["photo"] == "./empty.jpg"} == {
        ("empty", "", "")
    }
    assert "10 of 20 pictures written" in outcome.err
    assert f"model=scores model.file={out / 'scores.csv'}" in outcome.err
    assert run("export", *arguments, "max_failures=10").exit_code == 0


def test_damage_that_a_photo_cannot_get_is_listed_with_the_reason(files: list[PhotoFile], tmp_path: Path) -> None:
    def refused(photo: np.ndarray) -> np.ndarray:
        raise NotApplicable("no clear subject")

    def broken(photo: np.ndarray) -> np.ndarray:
        return photo[:, :, :1]

    variants = [
        Variant("cut", "technical", "cut", "1", 1, refused),
        Variant("grey", "technical", "grey", "1", 1, broken),
    ]
    (exported_photo,) = [PictureFiles(made(tmp_path / "out"), files[:1], variants, {}, files)[0]]
    assert [(row.variant, row.status, bool(row.file)) for row in exported_photo.rows] == [
        ("original", "ok", True),
        ("cut/1", "not_applicable", False),
        ("grey/1", "prepare_error", False),
    ]
    assert exported_photo.rows[1].error == "no clear subject"
    assert "promised is uint8 (height, width, 3)" in exported_photo.rows[2].error


def test_names_of_files_are_unique_and_valid_on_windows_and_macos_whatever_the_photos_are_called() -> None:
    stems = [photo_stem(name) for name in HOSTILE]
    assert len({stem.lower() for stem in stems}) == len(HOSTILE)
    for stem in stems:
        assert stem.isascii()
        assert stem.isprintable()
        assert not set(stem) & set('<>:"/\\|?* %')
        assert not PureWindowsPath(stem).is_reserved()
        assert not stem.endswith((".", " "))
        assert not stem.startswith("-")
        assert len(stem) <= 37


def test_names_of_variants_are_unique_also_where_case_and_accents_do_not_count() -> None:
    keys = ["original", "a/b_c", "a_b/c", "mine/50 %", "mine/50 ‰", "x/É", "x/é", "blur/1.0", "Blur/1.0"]
    names = picture_names(keys)
    assert len({name.lower() for name in names}) == len(keys)
    assert names[0] == "original"
    assert all(name.isascii() and not set(name) & set('<>:"/\\|?* %') for name in names)


def test_a_disk_without_room_is_refused_with_numbers_before_anything_is_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(DiskError, match=r"need about [\d.]+ k?M?B, and 1 kB are free; export fewer photos") as error:
        exported(folder, tmp_path / "out")
    assert error.value.exit_code == 74
    assert not (tmp_path / "out" / "pictures").exists()
    assert check_room(tmp_path, 999) == 1000


@pytest.mark.slow
def test_the_estimate_of_the_disk_space_is_about_right(folder: Path, tmp_path: Path) -> None:
    rows = exported(folder, tmp_path / "out", "degradation=standard")
    asked = request(folder, "degradation=standard")
    files = asked.photos().files
    written = sum((tmp_path / "out" / row.file).stat().st_size for row in rows)
    assert estimated_bytes(files, asked.suite(), files) == pytest.approx(written, rel=0.15)


def test_a_manifest_survives_any_name_in_it(tmp_path: Path) -> None:
    names = [*HOSTILE, "./NA", "./007", "./null", './a"b\r\n,c']
    rows = [PictureRow("f.png", name, "original", digest="0" * 32) for name in names]
    (tmp_path / "manifest.csv").write_text(manifest_text(rows), encoding="utf-8", newline="")
    assert read_manifest(tmp_path / "manifest.csv")["photo"].tolist() == names
    with (tmp_path / "manifest.csv").open(newline="", encoding="utf-8") as file:
        assert [row["photo"] for row in csv.DictReader(file)] == names


@pytest.mark.slow
def test_the_pictures_of_an_export_are_never_taken_for_photos(folder: Path) -> None:
    arguments = ("data=folder", f"data.root={folder}", CROPS, "engine.workers=0")
    assert run("export", *arguments, f"out={folder / 'export'}").exit_code == 0
    assert len(request(folder).photos().files) == 3
    shutil.copy(next((folder / "export").rglob("*_original.png")), folder / "moved.png")
    assert len(request(folder).photos().files) == 3


@pytest.mark.slow
def test_a_photo_that_kills_its_worker_costs_its_own_pictures(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(path: Path, *limits: object) -> photos.DecodedPhoto:
        if path.name == "b.png":
            os._exit(9)
        return read(path, *limits)  # type: ignore[arg-type]

    read = photos.read
    monkeypatch.setattr(picture_files.photos, "read", dies)
    monkeypatch.setattr("iqbench.export._check_room", lambda _: None)
    rows = exported(folder, tmp_path / "out", "engine.workers=1")
    assert {row.status for row in rows if row.photo == "./b.png"} == {"process_died"}
    assert {row.status for row in rows if row.photo != "./b.png"} == {"ok"}


@pytest.mark.slow
def test_after_a_kill_at_any_step_the_same_command_leaves_what_an_undisturbed_export_leaves(tmp_path: Path) -> None:
    photos_folder = made(tmp_path / "photos")
    for name in "ab":
        (photos_folder / f"{name}.png").write_bytes(
            encoded(Image.fromarray(noisy_gradient(40, 40, seed=ord(name))), "PNG")
        )

    def action(out: Path) -> None:
        export(request(photos_folder), made(out))

    action(tmp_path / "whole")
    steps = count_steps(tmp_path / "counted", lambda: action(tmp_path / "counted"))
    assert len(steps) > 40
    for deadly in range(0, len(steps), 6):
        out = tmp_path / f"killed{deadly}"
        assert killed_at(deadly, out, lambda out=out: action(out)) == -9  # type: ignore[misc]
        if (out / "manifest.csv").exists():
            assert all((out / row["file"]).is_file() for row in manifest(out))
        action(out)
        left = {name for name in content(out) if not name.endswith(".tmp") and "/.exports-" not in name}
        assert {name: content(out)[name] for name in left} == content(tmp_path / "whole")
        shutil.rmtree(out)
