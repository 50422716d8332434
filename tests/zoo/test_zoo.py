"""The zoo: odd judges through the benchmark. Each gives the right numbers, or one line that names the cause."""

import multiprocessing
import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageFile

from fixtures.error_texts import without_place
from zoo.benchmarked import SIZES, Result, benchmark, means, write_photos

DARK = "exposure/-2"
CROP = "crop_center/70pct"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four photos, of different sizes."""
    return write_photos(tmp_path_factory.mktemp("zoo") / "photos")


@pytest.fixture(autouse=True)
def one_process_for_all() -> Iterator[None]:
    """Some judges are made in vain, and warn of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def check_numbers(result: Result, photos: Path, tolerance: float = 1e-9) -> None:
    """Check that every pair has the difference of the means of its two pictures."""
    assert result.line == ""
    expected = means(photos)
    assert len(result.pairs) == len(expected) - len(SIZES)  # each photo's copies against its original
    assert set(result.pairs["status"]) == {"ok"}
    for row in result.pairs.itertuples():
        difference = expected[row.photo, row.reference] - expected[row.photo, row.variant]
        assert row.forward == pytest.approx(difference, abs=tolerance), (row.photo, row.variant)
        assert row.backward == pytest.approx(-difference, abs=tolerance)


RIGHT: list[tuple[str, dict[str, Any]]] = [
    ("Mean", {}),
    ("MeanNetwork", {}),
    ("NeedsGradient", {}),
    ("HasHistory", {}),
    ("GivesParameter", {}),
    ("GivesSubclass", {}),
    ("GivesConjugate", {}),
    ("Hooked", {}),
    ("SaysThreadSafeButIsHooked", {}),
    ("RemembersItsBatch", {}),
    ("WritesIntoPhoto", {}),
    ("WritesIntoArray", {}),
    ("WritesIntoBatch", {}),
    ("WritesIntoEncodings", {}),
    ("OneOutputBuffer", {}),
    ("OneInputBuffer", {}),
    ("ChangesPillow", {"permitted": 10}),
    ("ChangesDefaults", {"kind": "dtype"}),
    ("ChangesDefaults", {"kind": "device"}),
    ("ChangesDefaults", {"kind": "numpy"}),
    ("ChangesDefaults", {"kind": "warnings"}),
    ("ChangesDefaults", {"kind": "grad"}),
    ("ChangesDefaults", {"kind": "autocast"}),
    ("ChangesDefaults", {"kind": "threads"}),
    ("CallsTrain", {}),
    ("NoDeepCopy", {}),
    ("EvalGivesNothing", {}),
    ("OfVolumes", {}),
    ("Traced", {}),
    ("Normed", {}),
    ("Lazy", {}),
    ("ComplexWeights", {}),
    ("compiled", {}),
]
IN_WORKERS = {"NeedsGradient", "HasHistory", "GivesParameter", "GivesSubclass", "GivesConjugate"}


def _name(case: object) -> str:
    return "-".join(map(str, case.values())) if isinstance(case, dict) else str(case)


@pytest.mark.parametrize(("judge", "arguments"), RIGHT, ids=_name)
def test_the_right_numbers(judge: str, arguments: dict[str, Any], photos: Path, tmp_path: Path) -> None:
    workers = 2 if judge in IN_WORKERS else 0
    check_numbers(benchmark(judge, photos, tmp_path, workers, **arguments), photos)


@pytest.mark.parametrize(
    ("judge", "kind", "line"),
    [
        ("Prepares", "numpy", r"prepare gave numpy\.ndarray, promised is a torch\.Tensor"),
        ("Prepares", "pil", r"prepare gave PIL\.Image, promised is a torch\.Tensor"),
        ("Prepares", "dict", r"prepare gave dict, promised is a torch\.Tensor"),
        ("Prepares", "nothing", r"prepare gave None, promised is a torch\.Tensor"),
        ("Prepares", "sparse", r"prepare gave a tensor of layout sparse_coo, .*; call \.to_dense\(\)"),
        ("Prepares", "meta", r"prepare gave a tensor on the device meta, which has no values"),
        ("Prepares", "quantised", r"prepare gave a quantised tensor \(torch\.quint8\), .*; call \.dequantize\(\)"),
        ("Encodes", "floats", r"encode gave list, promised is a tensor of floats of shape \(n, d\)"),
        ("Encodes", "tuple", r"encode gave tuple, promised is"),
        ("Encodes", "dict", r"encode gave dict, promised is"),
        ("Encodes", "numpy", r"encode gave numpy\.ndarray, promised is"),
        ("Encodes", "bool", r"encode gave a tensor of bool, promised is"),
        ("Encodes", "int", r"encode gave a tensor of int64, promised is"),
        ("Encodes", "complex", r"encode gave a tensor of complex128, promised is"),
        ("Encodes", "flat", r"encode gave shape \(1,\) for n = 1 pictures, promised is"),
        ("Encodes", "two columns", r"encode gave 2 numbers for a picture, promised is one number, its score"),
        ("Encodes", "nan", r"the model's encoding holds NaN or infinity \(nonfinite of "),
        ("Compares", "column", r"margin gave shape \(1, 1\) for n = 1 pairs, promised is a tensor of floats of shape"),
        ("Compares", "floats", r"margin gave list, promised is"),
        ("Compares", "one float", r"margin gave float, promised is"),
        ("Compares", "bool", r"margin gave a tensor of bool, promised is"),
        ("Compares", "numpy", r"margin gave numpy\.ndarray, promised is"),
        ("Compares", "infinite", r"the model's margin is NaN or infinity"),
    ],
)
def test_another_type_than_promised_is_one_line(judge: str, kind: str, line: str, photos: Path, tmp_path: Path) -> None:
    result = benchmark(judge, photos, tmp_path, kind=kind)
    where = r"\((prepare_error|model_error|nonfinite) of \./0\.png and of 3 others; no photo has an answer\)$"
    assert re.match(rf"UsageError: model {judge}: {line}", result.line), result.line
    assert re.search(where, result.line)
    assert result.pairs.empty


@pytest.mark.parametrize(
    ("judge", "line"),
    [
        ("OnlyEncodes", "has no prepare, margin; a model provides prepare, encode and margin"),
        ("in_parallel", "has no prepare, encode, margin; a model provides prepare, encode and margin"),
        ("OnMeta", r"cannot be moved to cpu \(NotImplementedError: Cannot copy out of meta tensor"),
        ("HalfWeights", r"RuntimeError: .*Half in odd_judges\.py, line \d+ \(model_error of \./0\.png"),
    ],
)
def test_what_cannot_judge_at_all_is_one_line(judge: str, line: str, photos: Path, tmp_path: Path) -> None:
    result = benchmark(judge, photos, tmp_path)
    assert re.match(rf"UsageError: model \w+: {line}", result.line), result.line


@pytest.mark.parametrize(
    ("judge", "arguments", "status", "error"),
    [
        ("Raises", {"kind": "own", "where": "prepare"}, "prepare_error", "OwnError: only bright pictures"),
        ("Raises", {"kind": "file", "where": "encode"}, "model_error", "FileNotFoundError: [Errno 2] No such file"),
        ("Raises", {"kind": "permission", "where": "prepare"}, "prepare_error", "PermissionError: [Errno 13]"),
        ("Raises", {"kind": "attribute", "where": "margin"}, "model_error", "AttributeError: no such thing"),
        ("Raises", {"kind": "unprintable", "where": "encode"}, "model_error", "UnprintableError: its message cannot"),
        ("Raises", {"kind": "unpicklable", "where": "prepare"}, "prepare_error", "UnpicklableError"),
        ("Raises", {"kind": "huge", "where": "encode"}, "model_error", "ValueError: line line line"),
        ("Raises", {"kind": "undecodable", "where": "prepare"}, "prepare_error", "ValueError: caf? ? ?[31m"),
        ("Raises", {"kind": "iteration", "where": "encode"}, "model_error", "StopIteration"),
        ("Raises", {"kind": "generator", "where": "encode"}, "model_error", "GeneratorExit"),
        ("Raises", {"kind": "own exit", "where": "prepare"}, "prepare_error", "OwnExit"),
        ("RaisesInThread", {"kind": "own"}, "model_error", "OwnError: only bright pictures"),
        ("RaisesInThread", {"kind": "iteration"}, "model_error", "StopIteration"),
        ("WarningsAreErrors", {}, "prepare_error", "UserWarning: dark"),
    ],
    ids=_name,
)
def test_any_error_costs_its_own_rows_and_names_its_class(
    judge: str, arguments: dict[str, Any], status: str, error: str, photos: Path, tmp_path: Path
) -> None:
    workers = 2 if "own" in arguments.values() and judge == "Raises" else 0
    result = benchmark(judge, photos, tmp_path, workers, **arguments)
    assert result.line == ""
    failed = result.pairs["variant"] == DARK
    assert set(result.pairs["status"][failed]) == {status}
    texts = result.pairs["error"][failed]
    assert texts.str.startswith(error).all()
    assert texts.map(without_place).str.len().max() <= 200
    assert texts.str.contains(r"(?: in odd_judges\.py, line \d+)$").all()
    assert set(result.pairs["status"][~failed]) == {"ok"}


@pytest.mark.parametrize("where", ["prepare", "encode"])
@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("import", "UsageError: the model or a degradation cannot import what it needs: ImportError: no module named"),
        ("exit", "Stopped: stopped: the model or a degradation calls sys.exit(0)"),
        ("disk", "DiskError: cache.bin: cannot be written (No space left on device)"),
        ("memory", "MemoryError: "),
    ],
)
def test_what_no_photo_can_mend_ends_the_run(kind: str, line: str, where: str, photos: Path, tmp_path: Path) -> None:
    result = benchmark("Raises", photos, tmp_path, kind=kind, where=where)
    assert result.line.startswith(line)


def test_a_judge_of_large_pictures_judges_photos_that_are_large(photos: Path, tmp_path: Path) -> None:
    result = benchmark("NeedsLargePictures", photos, tmp_path)
    assert result.line == ""
    assert {name: set(status) for name, status in result.statuses().items() if name != CROP} == {
        "blur/2.0": {"ok"},
        DARK: {"ok"},
        "control/identity": {"ok"},
        "control/reencode": {"ok"},
    }
    assert result.statuses()[CROP] == {"prepare_error"}


def test_one_bad_photo_refuses_nobody(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "photos")
    Image.fromarray(np.zeros((140, 140, 3), dtype=np.uint8)).save(root / "0.png")
    (root / "00.png").write_bytes(b"")
    result = benchmark("Raises", root, tmp_path / "out", kind="own", where="prepare")
    assert result.line == ""
    assert (result.pairs["status"] == "ok").sum() == 3 * 4
    assert set(result.pairs["status"][result.pairs["photo"] == "./0.png"]) == {"prepare_error"}


def test_without_a_readable_photo_nobody_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    (root / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    result = benchmark("Prepares", root, tmp_path / "out", kind="numpy")
    assert result.line == ""
    assert set(result.pairs["status"]) == {"corrupt"}


@pytest.mark.parametrize("when", ["init", "prepare", "encode"])
def test_a_judge_may_change_the_current_folder(
    when: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)
    result = benchmark("ChangesFolder", Path(photos.name), tmp_path, when=when)
    check_numbers(result, photos)
    assert Path.cwd() == photos.parent


def test_a_judge_that_loads_broken_photos_for_itself_does_not_change_what_is_read(tmp_path: Path) -> None:
    root = write_photos(tmp_path / "photos")
    cut = root / "1.png"
    cut.write_bytes(cut.read_bytes()[:2000])
    result = benchmark("ChangesPillow", root, tmp_path / "out", permitted=None)
    assert set(result.pairs["status"][result.pairs["photo"] == "./1.png"]) == {"corrupt"}
    assert set(result.pairs["status"][result.pairs["photo"] != "./1.png"]) == {"ok"}


@pytest.mark.parametrize("kind", ["dtype", "device", "numpy", "warnings", "grad", "autocast", "threads"])
def test_a_judge_leaves_the_process_as_it_was(kind: str, photos: Path, tmp_path: Path) -> None:
    before = _process_state()
    benchmark("ChangesDefaults", photos, tmp_path, kind=kind)
    assert _process_state() == before


def _process_state() -> tuple[object, ...]:
    pillow = ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS
    of_torch = torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled(), torch.get_num_threads()
    of_torch += (torch.is_autocast_enabled("cpu"),)
    return pillow, of_torch, np.geterr(), list(warnings.filters), os.getcwd()  # noqa: PTH109


def test_a_judge_that_depends_on_its_batch_does_not_repeat_itself(photos: Path, tmp_path: Path) -> None:
    result = benchmark("DependsOnItsBatch", photos, tmp_path)
    both = result.pairs.merge(result.repeats, on=["photo", "variant"], suffixes=("", "_repeat"))
    assert (both["forward"] - both["forward_repeat"]).abs().max() > 1


def test_a_judge_that_kills_every_worker_is_refused_at_once(photos: Path, tmp_path: Path) -> None:
    result = benchmark("Killed", photos, tmp_path, workers=2)
    assert result.line.startswith("UsageError: model Killed: the worker that prepared it died, twice")


def test_a_judge_that_cannot_be_pickled_says_so_where_workers_are_not_forked(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqbench.inference.worker_pool.start_method", lambda: "spawn")
    result = benchmark("Hidden", photos, tmp_path, workers=2)
    assert re.match(r"UsageError: the model or a degradation cannot be pickled for a worker process \(", result.line)
    assert result.line.endswith("define it at the top level of a module, or use engine.workers=0")
    assert not multiprocessing.active_children()


def test_the_same_judge_needs_no_pickling_without_workers(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("iqbench.inference.worker_pool.start_method", lambda: "spawn")
    check_numbers(benchmark("Hidden", photos, tmp_path, workers=0), photos)


@pytest.mark.parametrize("judge", ["Quantised", "ExtraState"])
def test_networks_whose_state_is_no_tensors(judge: str, photos: Path, tmp_path: Path) -> None:
    check_numbers(benchmark(judge, photos, tmp_path), photos)
