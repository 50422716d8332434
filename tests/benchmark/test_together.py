"""Models of one pass: each photo is decoded and degraded once for all, each model has the rows that it has alone."""

import logging
import sqlite3
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from fixtures.passes import Judge, assert_same, content, one_by_one, together
from iqbench import photos
from iqbench.degradations import blur as blur_module
from iqbench.inference import model_calls
from iqbench.photos import synthetic_photo
from iqbench.results.reader import read_store
from iqbench.results.schema import FILE_NAME
from iqbench.results.store import Store
from zoo.benchmarked import write_photos
from zoo.test_zoo import RIGHT

PLAIN: dict[str, Judge] = {
    "mean": ("Mean", {}),
    "network": ("MeanNetwork", {}),
    "compares": ("Compares", {"kind": "half"}),
    "fails on dark": ("Raises", {"kind": "own", "where": "prepare"}),
    "fails in encode": ("Raises", {"kind": "file", "where": "encode"}),
}


NAMES = ["./0.png", "./1.png", "./2.png", "./3.png", "./broken.png"]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four photos, and one that is cut short."""
    folder = write_photos(tmp_path_factory.mktemp("pass") / "photos")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:2000])
    return folder


@pytest.fixture(autouse=True)
def warnings_of_judges_are_no_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def counted(monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], Counter[str]]:
    """Count the photos that are read, and the variants that are made, in this process."""
    reads, made = Counter[str](), Counter[str]()
    read, blur = photos.read, blur_module.blur

    def counting_read(path: Path, *limits: Any) -> photos.DecodedPhoto:
        reads[path.name] += 1
        return read(path, *limits)

    def counting_blur(photo: Any, sigma: float) -> Any:
        made[str(photo.shape)] += 1
        return blur(photo, sigma)

    monkeypatch.setattr(photos, "read", counting_read)
    monkeypatch.setattr(blur_module, "blur", counting_blur)
    return reads, made


def test_each_photo_is_decoded_and_degraded_once_and_all_rows_are_those_of_each_model_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = one_by_one(PLAIN, root, tmp_path / "alone")
    with monkeypatch.context() as counting:
        reads, made = counted(counting)
        assert together(PLAIN, root, tmp_path / "together") == errors == dict.fromkeys(PLAIN, "")
    for name in PLAIN:
        assert_same(tmp_path / "together", tmp_path / "alone", name)
    assert len(content(tmp_path / "together" / "mean")["pairs"]) > 1000
    rehearsal, scoring, repeats_and_gallery = len(PLAIN), 1, 2
    assert reads["0.png"] <= rehearsal + scoring + repeats_and_gallery
    del made[str(synthetic_photo().shape)]  # on which the degradations are rehearsed
    assert max(made.values()) <= scoring + repeats_and_gallery


def test_a_model_that_writes_into_its_photo_changes_it_for_no_other(root: Path, tmp_path: Path) -> None:
    writers: dict[str, Judge] = {"tensor": ("WritesIntoPhoto", {}), "array": ("WritesIntoArray", {})}
    check_alike({"first": ("Mean", {}), **writers, **NEIGHBOURS}, root, tmp_path)


def test_models_that_leave_their_photo_as_it_is_share_one_copy_of_each_picture(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: Counter[bool] = Counter()
    prepare = model_calls.prepare

    def counting(model: Any, photo: Any, is_copy: bool = False) -> Any:
        prepared[is_copy] += 1
        return prepare(model, photo, is_copy)

    monkeypatch.setattr(model_calls, "prepare", counting)
    together({"mean": ("Mean", {}), "network": ("MeanNetwork", {})}, root, tmp_path)
    run = read_store(tmp_path / "mean" / FILE_NAME)
    readable, again, models = (run.photos["status"] == "ok").sum(), run.repeats["photo"].nunique(), 2
    assert prepared[True] == (readable + again) * (1 + len(run.variants)) * models > 0


def check_alike(judges: dict[str, Judge], root: Path, place: Path, **engine: Any) -> dict[str, str]:
    """Check that models have the same rows and end in the same way in one pass as alone; return their errors."""
    errors = one_by_one(judges, root, place / "alone", **engine)
    assert together(judges, root, place / "together", **engine) == errors
    for name in judges:
        assert_same(place / "together", place / "alone", name)
    return errors


NEIGHBOURS: dict[str, Judge] = {"last": ("Mean", {}), "net": ("MeanNetwork", {}), "terms": ("NeedsSettings", {})}


def between(where: str, *kinds: str) -> dict[str, Judge]:
    """Models that are odd on one photo, between models that an odd one must not touch."""
    odd: dict[str, Judge] = {kind: ("OddOnOnePhoto", {"kind": kind, "where": where}) for kind in kinds}
    return {"first": NEIGHBOURS["terms"], **odd, **NEIGHBOURS}


SETTINGS = [
    "folder",
    "dtype",
    "numpy",
    "threads",
    "cv2 threads",
    "grad",
    "autocast",
    "warnings",
    "pillow",
    "random seed",
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["dies", "segfaults", "hangs"])
def test_a_model_that_kills_or_hangs_a_worker_costs_its_own_rows_only(kind: str, root: Path, tmp_path: Path) -> None:
    timeout = 3 if kind == "hangs" else 60
    check_alike(between("prepare", kind), root, tmp_path, workers=2, timeout=timeout)
    status = "timeout" if kind == "hangs" else "process_died"
    assert content(tmp_path / "together" / kind)["pairs"].count(f"'status': '{status}'") == 5
    assert status not in content(tmp_path / "together" / "last")["pairs"]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["prepare", "encode"])
def test_models_that_cannot_go_on_fail_alone(where: str, root: Path, tmp_path: Path) -> None:
    judges = between(where, "exits", "import", "memory")
    errors = one_by_one(judges, root, tmp_path / "alone", workers=2)
    assert together(judges, root, tmp_path / "together", workers=2) == errors
    assert [name for name, error in errors.items() if error] == ["exits", "import", "memory"]
    for name in ("first", *NEIGHBOURS):
        assert_same(tmp_path / "together", tmp_path / "alone", name)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["prepare", "encode"])
@pytest.mark.parametrize("workers", [0, 2])
def test_models_that_change_the_process_in_the_middle_change_no_other(
    workers: int, where: str, root: Path, tmp_path: Path
) -> None:
    check_alike(between(where, *SETTINGS), root, tmp_path, workers=workers)


@pytest.mark.slow
def test_models_that_draw_random_numbers_draw_those_that_they_draw_alone(root: Path, tmp_path: Path) -> None:
    judges: dict[str, Judge] = {
        f"{source} in {where}": ("Draws", {"source": source, "where": where})
        for source in ("torch", "numpy", "python")
        for where in ("prepare", "encode")
    }
    check_alike({**judges, **NEIGHBOURS}, root, tmp_path, workers=0)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_the_whole_zoo_in_one_pass_answers_as_each_judge_does_alone(workers: int, root: Path, tmp_path: Path) -> None:
    left_out = {"WritesIntoBatch", "compiled"}  # slow
    judges = {
        f"{number} {name}": (name, arguments) for number, (name, arguments) in enumerate(RIGHT) if name not in left_out
    }
    check_alike(judges, root, tmp_path, workers=workers)


@pytest.mark.slow
def test_models_that_have_come_to_different_photos_go_on_from_there(root: Path, tmp_path: Path) -> None:
    check_alike(PLAIN, root, tmp_path)
    for name, at in zip(PLAIN, range(5), strict=True):
        forget(tmp_path / "together" / name / FILE_NAME, NAMES[at:])
    together(PLAIN, root, tmp_path / "together")
    for name in PLAIN:
        assert_same(tmp_path / "together", tmp_path / "alone", name)


def forget(store: Path, names: list[str]) -> None:
    """Delete the rows of some photos, as if the run had been killed before they were scored."""
    with closing(sqlite3.connect(store)) as database, database:
        for name in names:
            database.execute("DELETE FROM photos WHERE name = ?", [name])
            for table in ("pairs", "repeats", "cross_pairs"):
                database.execute(f"DELETE FROM {table} WHERE photo = ?", [name])


@pytest.mark.slow
def test_models_that_do_not_fit_together_follow_in_another_pass(root: Path, tmp_path: Path) -> None:
    judges: dict[str, Judge] = {f"net {number}": ("MeanNetwork", {}) for number in range(3)}
    one_by_one(judges, root, tmp_path / "alone", sweep_memory=3)
    with capture() as lines:
        together(judges, root, tmp_path / "together", sweep_memory=3)  # 62 kB a picture, 6 of a photo, 4 photos
    assert [line for line in lines if "sweep_memory" in line] == [
        "engine.sweep_memory=3 holds 2 models; the others follow"
    ]
    for name in judges:
        assert_same(tmp_path / "together", tmp_path / "alone", name)


@contextmanager
def capture() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("iqbench")
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@pytest.mark.slow
def test_ctrl_c_ends_all_models_and_the_same_command_goes_on(root: Path, tmp_path: Path) -> None:
    one_by_one(PLAIN, root, tmp_path / "alone")
    write, written = Store.write, list[str]()

    def until_the_eighth(store: Store, *rows: Any) -> None:
        if len(written) == 8:
            raise KeyboardInterrupt
        written.append(rows[0].name)
        write(store, *rows)

    with mock.patch.object(Store, "write", until_the_eighth), pytest.raises(KeyboardInterrupt):
        together(PLAIN, root, tmp_path / "together")
    stored = [len(read_store(tmp_path / "together" / name / FILE_NAME).photos) for name in PLAIN]
    assert sum(stored) == len(written) == 8
    assert len([count for count in stored if 0 < count < 5]) > 2
    together(PLAIN, root, tmp_path / "together")
    for name in PLAIN:
        assert_same(tmp_path / "together", tmp_path / "alone", name)
