"""Models of one pass: each photo is decoded and degraded once for all, each model has the rows that it has alone."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fixtures.passes import Judge, assert_same, content, one_by_one, together
from iqbench import photos
from iqbench.degradations import blur as blur_module
from iqbench.photos import synthetic_photo
from zoo.benchmarked import write_photos

PLAIN: dict[str, Judge] = {
    "mean": ("Mean", {}),
    "network": ("MeanNetwork", {}),
    "compares": ("Compares", {"kind": "half"}),
    "fails on dark": ("Raises", {"kind": "own", "where": "prepare"}),
    "fails in encode": ("Raises", {"kind": "file", "where": "encode"}),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four photos, and one that is cut short."""
    folder = write_photos(tmp_path_factory.mktemp("pass") / "photos")
    (folder / "broken.png").write_bytes((folder / "0.png").read_bytes()[:2000])
    return folder


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


def check_alike(judges: dict[str, Judge], root: Path, place: Path, **engine: Any) -> dict[str, str]:
    """Check that models have the same rows and end in the same way in one pass as alone; return their errors."""
    errors = one_by_one(judges, root, place / "alone", **engine)
    assert together(judges, root, place / "together", **engine) == errors
    for name in judges:
        assert_same(place / "together", place / "alone", name)
    return errors


NEIGHBOURS: dict[str, Judge] = {"first": ("NeedsSettings", {}), "last": ("Mean", {}), "net": ("MeanNetwork", {})}


def between(kind: str, where: str) -> dict[str, Judge]:
    return {"first": NEIGHBOURS["first"], "odd": ("OddOnOnePhoto", {"kind": kind, "where": where}), **NEIGHBOURS}


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
    check_alike(between(kind, "prepare"), root, tmp_path, workers=2, timeout=2)
    status = "timeout" if kind == "hangs" else "process_died"
    assert content(tmp_path / "together" / "odd")["pairs"].count(f"'status': '{status}'") > 5
    assert status not in content(tmp_path / "together" / "last")["pairs"]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["prepare", "encode"])
@pytest.mark.parametrize("kind", ["exits", "import", "memory"])
def test_a_model_that_cannot_go_on_fails_alone(kind: str, where: str, root: Path, tmp_path: Path) -> None:
    errors = check_alike(between(kind, where), root, tmp_path, workers=2)
    assert [name for name, error in errors.items() if error] == ["odd"]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["prepare", "encode"])
@pytest.mark.parametrize("kind", SETTINGS)
def test_a_model_that_changes_the_process_in_the_middle_changes_no_other(
    kind: str, where: str, root: Path, tmp_path: Path
) -> None:
    for workers in (0, 2):
        check_alike(between(kind, where), root, tmp_path / str(workers), workers=workers)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["prepare", "encode"])
@pytest.mark.parametrize("source", ["torch", "numpy", "python"])
def test_a_model_that_draws_random_numbers_draws_those_that_it_draws_alone(
    source: str, where: str, root: Path, tmp_path: Path
) -> None:
    judges: dict[str, Judge] = {"one": ("Draws", {"source": source, "where": where}), **NEIGHBOURS}
    check_alike({**judges, "two": judges["one"]}, root, tmp_path, workers=0)
