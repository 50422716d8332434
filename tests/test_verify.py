"""`iqbench.verify` finds what somebody or something did to results."""

import os
import sqlite3
from pathlib import Path

import pytest

from fixtures.command_line import run
from iqbench.results.schema import FILE_NAME


@pytest.fixture
def results(folder: Path, tmp_path: Path) -> Path:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    common = ("model=contrast", "degradation=blur", "data=folder", f"data.root={folder}", "max_failures=99")
    outcome = run("bench", *common, "engine.workers=0", f"out={tmp_path / 'run'}")
    assert outcome.exit_code == 0, outcome.err
    return tmp_path / "run"


def change(results: Path, statement: str) -> None:
    database = sqlite3.connect(results / FILE_NAME)
    database.execute(statement)
    database.commit()
    database.close()


def test_whole_results_are_counted_and_pass(results: Path, folder: Path) -> None:
    outcome = run("verify", results, "--photos", folder)
    assert outcome.exit_code == 0, outcome.out
    assert "4 of 4 photos x 6 variants = 24 rows: 18 ok, 6 corrupt" in outcome.out
    assert "whole; the exports are what the stores give" in outcome.out


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM photos WHERE name = './b.png'", "1 of 4 planned photos have no row (./b.png)"),
        ("DELETE FROM pairs WHERE photo = './b.png' AND variant = 'blur/2.0'", "2 planned pairs have no row"),
        ("INSERT INTO pairs SELECT 'new', reference, variant, forward, backward, score_reference, score_variant, "
         "input_change, variant_pixels, input_change_max, variant_brightness, variant_sharpness, variant_bytes, "
         "status, error FROM pairs LIMIT 1", "1 pairs were never planned (new)"),
        ("UPDATE pairs SET forward = NULL WHERE photo = './a.png'", "pairs are said to be ok and have no margin"),
        ("UPDATE pairs SET status = 'corrupt' WHERE photo = './a.png'", "to have failed and have a margin"),
        ("UPDATE pairs SET error = '' WHERE photo = './broken.jpg'", "pairs have failed without a reason"),
        ("UPDATE photos SET status = 'empty' WHERE name = './c.png'", "of photos that could not be read"),
        ("UPDATE pairs SET forward = -forward WHERE photo = './c.png'", "results.csv: not what the stores give"),
    ],
)  # fmt: skip
def test_what_was_done_to_the_store_is_named(results: Path, statement: str, found: str) -> None:
    change(results, statement)
    outcome = run("verify", results)
    assert outcome.exit_code == 6
    assert found in outcome.out
    assert "not as planned, see above" in outcome.last_line


def test_exports_that_are_missing_or_changed_are_named_with_what_makes_them(results: Path) -> None:
    (results / "manifest.csv").unlink()
    (results / "KEY_TAKEAWAYS.md").write_text("All is well.")
    outcome = run("verify", results)
    assert outcome.exit_code == 6
    assert f"manifest.csv: missing; python -m iqbench.report {results} makes it" in outcome.out
    assert "KEY_TAKEAWAYS.md: not what the stores give" in outcome.out
    assert run("report", results).exit_code == 0
    assert run("verify", results).exit_code == 0


def test_photos_that_are_gone_or_others_now_are_named(results: Path, folder: Path) -> None:
    (folder / "a.png").unlink()
    (folder / "b.png").write_bytes((folder / "c.png").read_bytes())
    outcome = run("verify", results, "--photos", folder)
    assert outcome.exit_code == 6
    assert f"1 photos are not in {folder} any more (./a.png)" in outcome.out
    assert "1 photos are not those that were judged (./b.png)" in outcome.out


def test_photos_are_found_by_any_name_and_those_that_cannot_be_read_are_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (rb"caf\xe9.png", b"caf\xe9.png", b"back\\slash.png"):
        (folder / os.fsdecode(name)).write_bytes((folder / "a.png").read_bytes())
    common = ("model=contrast", "degradation=blur", "data=folder", f"data.root={folder}", "engine.workers=0")
    assert run("bench", *common, f"out={tmp_path / 'run'}").exit_code == 0
    outcome = run("verify", tmp_path / "run", "--photos", folder)
    assert outcome.exit_code == 0, outcome.out
    read = Path.read_bytes

    def refusing(path: Path) -> bytes:
        for name, error in (("a.png", PermissionError(13, "may not")), ("b.png", OSError(5, "broken disk"))):
            if path == folder / name:
                raise error
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refusing)
    (folder / "c.png").unlink()
    os.mkfifo(folder / "c.png")
    outcome = run("verify", tmp_path / "run", "--photos", folder)
    assert outcome.exit_code == 6
    assert "2 photos cannot be read now (./a.png, ./b.png)" in outcome.out
    assert f"1 photos are not in {folder} any more (./c.png)" in outcome.out


def test_a_store_of_another_version_is_refused(results: Path) -> None:
    change(results, "UPDATE run SET value = '1' WHERE key = 'format'")
    for program in ("verify", "report"):
        outcome = run(program, results)
        assert outcome.exit_code == 2
        assert "of another version of iqbench (format 1, this one reads 2)" in outcome.last_line
