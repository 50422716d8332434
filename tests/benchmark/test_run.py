"""When a run stops because the model is broken, not the photos."""

import json
from pathlib import Path
from unittest import mock

import pytest
from PIL import Image

from fixtures.command_line import run
from fixtures.photos import noisy_gradient
from iqbench.benchmark.pairs import ScoredPhoto
from iqbench.benchmark.run import FailureWatch
from iqbench.errors import Stopped
from iqbench.inference.worker import PhotoRecord
from iqbench.results.schema import PairRow, PhotoRow
from iqbench.results.store import Store


def scored(status: str) -> ScoredPhoto:
    record = PhotoRecord("./a", "0", 1, 1, 1, status=status if status == "corrupt" else "ok")
    return ScoredPhoto(record, [PairRow("./a", "original", "blur/1", status=status, error="because")])


def passed_on(*statuses: str) -> tuple[int, bool]:
    """Return the number of photos that were passed on, and whether the run was stopped then."""
    count, watch = 0, FailureWatch()
    try:
        for photo in map(scored, statuses):
            count += 1
            watch.check(photo)
    except Stopped:
        return count, True
    return count, False


def test_a_model_that_fails_on_everything_is_given_up_after_fifty_photos():
    assert passed_on(*["model_error"] * 300) == (50, True)


def test_a_model_that_breaks_later_is_given_up_after_a_hundred_failures_in_a_row():
    assert passed_on(*["ok"] * 1000, *["timeout"] * 300) == (1100, True)
    assert passed_on(*["ok"] * 1000, *["timeout"] * 99, "ok", *["timeout"] * 99) == (1199, False)


def test_broken_photos_may_be_as_many_as_they_like():
    assert passed_on(*["corrupt"] * 300, *["ok"] * 5) == (305, False)


def test_a_model_that_fails_now_and_then_is_not_given_up():
    assert passed_on(*["ok", "model_error"] * 200) == (400, False)


BROKEN = """
from iqbench.interfaces import Scorer


class Broken(Scorer):
    calls = 0

    def prepare(self, photo):
        Broken.calls += 1
        if Broken.calls > 4:  # two in the rehearsal
            raise ValueError("no idea")
        import torch
        return torch.zeros(1)

    def encode(self, inputs):
        return inputs
"""


def test_a_run_that_is_given_up_says_so_in_one_line_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_judge.py").write_text(BROKEN)
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "broken.yaml").write_text("_target_: broken_judge.Broken\n")
    (tmp_path / "photos").mkdir()
    for number in range(60):
        Image.fromarray(noisy_gradient(32, 32, seed=number)).save(tmp_path / "photos" / f"{number:02}.png")
    monkeypatch.syspath_prepend(str(tmp_path))
    common = ("--config-dir", tmp_path / "conf", "model=broken", "degradation=blur", "engine.workers=0")
    outcome = run("bench", *common, "data=folder", f"data.root={tmp_path / 'photos'}", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 1
    assert "stopped: the model failed on 49 of 50 photos" in outcome.last_line
    assert "ValueError: no idea" in outcome.last_line
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["complete"], summary["photos"]) == (False, 50)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "interrupted; finished photos are kept"),
        (SystemExit(143), 143, ""),
        (MemoryError(), 1, "out of memory; finished photos are kept, the same command resumes the run"),
        (AttributeError("a bug"), None, ""),
    ],
)
def test_whatever_ends_a_run_what_is_finished_is_shown_and_the_same_command_goes_on(
    folder: Path, tmp_path: Path, end: BaseException, code: int | None, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    common = ("model=iqa", "data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0")
    assert run("bench", *common, f"out={tmp_path / 'whole'}").exit_code == 0
    complete_run, write = tmp_path / "whole", Store.write

    def until_the_third(store: Store, photo: PhotoRow, pairs: list[PairRow]) -> None:
        if photo.name == "./c.png":
            raise end
        write(store, photo, pairs)

    with monkeypatch.context() as broken:
        broken.setattr(Store, "write", until_the_third)
        if code is None:
            with pytest.raises(AttributeError, match="a bug"):
                run("bench", *common, f"out={tmp_path / 'out'}")
        else:
            outcome = run("bench", *common, f"out={tmp_path / 'out'}")
            assert (outcome.exit_code, line in outcome.err, "Traceback" in outcome.err) == (code, True, False)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["complete"], summary["photos"]) == (False, 2)
    assert run("bench", *common, f"out={tmp_path / 'out'}").exit_code == 0
    exports = {
        file.name for file in complete_run.iterdir() if file.suffix in (".csv", ".json", ".html", ".parquet", ".md")
    }
    exports -= {"status.json"}  # it has the folder's name
    assert len(exports) > 4
    for name in exports:
        assert (tmp_path / "out" / name).read_bytes() == (complete_run / name).read_bytes(), name


def test_a_full_disk_at_the_exports_does_not_hide_what_ended_the_run(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("iqbench.reporting.exports.export", full)
    monkeypatch.setattr(Store, "write", mock.Mock(side_effect=KeyboardInterrupt))
    common = ("model=iqa", "data=folder", f"data.root={folder}", "degradation=blur", "engine.workers=0")
    outcome = run("bench", *common, f"out={tmp_path / 'out'}")
    assert (outcome.exit_code, "interrupted" in outcome.err) == (130, True)
