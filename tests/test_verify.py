"""`iqbench.verify` finds what somebody or something did to results."""

import os
import sqlite3
from pathlib import Path

import pytest

from fixtures.command_line import run
from fixtures.systems import needs_pipes
from iqbench.results import FILE_NAME
from iqbench.results.schema import PAIRS
from iqbench.version import iqbench_version


@pytest.fixture
def results(folder: Path, tmp_path: Path) -> Path:
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    common = ("model=contrast", "degradation=blur", "data=folder", f"data.root={folder}", "max_failures=99")
    outcome = run("bench", *common, "engine.workers=0", f"out={tmp_path / 'run'}")
    assert outcome.exit_code == 0, outcome.err
    return tmp_path / "run"


OTHER_COLUMNS = ", ".join(column.name for column in PAIRS.columns[1:])


def change(results: Path, statement: str) -> None:
    database = sqlite3.connect(results / FILE_NAME)
    database.execute(statement)
    database.commit()
    database.close()


def test_whole_results_are_counted_and_pass(results: Path, folder: Path) -> None:
    outcome = run("verify", results, "--photos", folder)
    assert outcome.exit_code == 0, outcome.out
    assert "4 of 4 photos x 6 variants = 24 rows: 18 ok, 6 corrupt" in outcome.out
    assert "complete; the exports are those of the stores" in outcome.out


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM photos WHERE name = './b.png'", "1 of 4 planned photos have no row (./b.png)"),
        ("DELETE FROM pairs WHERE photo = './b.png' AND variant = 'blur/2.0'", "2 planned pairs have no row"),
        (f"INSERT INTO pairs SELECT 'new', {OTHER_COLUMNS} FROM pairs LIMIT 1", "1 pairs were never planned (new)"),
        ("UPDATE pairs SET forward = NULL WHERE photo = './a.png'", "pairs have the status ok and no margin"),
        ("UPDATE pairs SET status = 'corrupt' WHERE photo = './a.png'", "the status of a failure and a margin"),
        ("UPDATE pairs SET error = '' WHERE photo = './broken.jpg'", "pairs have failed without a reason"),
        ("UPDATE photos SET status = 'empty' WHERE name = './c.png'", "but their photo could not be read"),
        ("UPDATE pairs SET forward = -forward WHERE photo = './c.png'", "results.csv: differs from the stores"),
    ],
)  # fmt: skip
def test_what_was_done_to_the_store_is_named(results: Path, statement: str, fault: str) -> None:
    change(results, statement)
    outcome = run("verify", results)
    assert outcome.exit_code == 6
    assert fault in outcome.out
    assert "see above" in outcome.last_line


def test_exports_that_are_missing_or_changed_are_named_with_what_makes_them(results: Path) -> None:
    (results / "manifest.csv").unlink()
    (results / "KEY_TAKEAWAYS.md").write_text("All is well.")
    outcome = run("verify", results)
    assert outcome.exit_code == 6
    assert f"manifest.csv: missing; run python -m iqbench.report {results}" in outcome.out
    assert "KEY_TAKEAWAYS.md: differs from the stores" in outcome.out
    assert run("report", results).exit_code == 0
    assert run("verify", results).exit_code == 0


def test_photos_that_are_gone_or_others_now_are_named(results: Path, folder: Path) -> None:
    (folder / "a.png").unlink()
    (folder / "b.png").write_bytes((folder / "c.png").read_bytes())
    outcome = run("verify", results, "--photos", folder)
    assert outcome.exit_code == 6
    assert f"1 photos are no longer in {folder} (./a.png)" in outcome.out
    assert "1 photos have changed since the run (./b.png)" in outcome.out


@needs_pipes
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
    assert "2 photos cannot be read (./a.png, ./b.png)" in outcome.out
    assert f"1 photos are no longer in {folder} (./c.png)" in outcome.out


def test_a_store_of_another_version_is_refused_with_the_version_that_reads_it(results: Path) -> None:
    change(results, "UPDATE run SET value = '2' WHERE key = 'format'")
    change(results, "UPDATE run SET value = json_set(value, '$.versions.iqbench', '0.1.0') WHERE key = 'identity'")
    for program in ("verify", "report"):
        outcome = run(program, results)
        assert outcome.exit_code == 2
        assert "written by iqbench 0.1.0 (store format 2)" in outcome.last_line
        assert f"this is iqbench {iqbench_version()}, which reads format 4" in outcome.last_line
        assert "use iqbench 0.1.0 for it" in outcome.last_line
