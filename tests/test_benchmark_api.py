"""The benchmark as a call from Python: the numbers of the command line, from objects."""

import inspect
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn

import iqbench
from fixtures.command_line import run
from fixtures.killed_runs import EXPORTS
from fixtures.photos import noisy_gradient
from iqbench.api.models import named_models
from iqbench.api.results import BenchmarkResult
from iqbench.api.sources import data_of
from iqbench.api.suites import suite_of
from iqbench.datasets.folder import Folder
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.ladder import suite
from iqbench.errors import DiskError, LockedError, UsageError
from iqbench.interfaces import Photo, Scorer
from iqbench.photos import read

QUICK = {"suite": "blur", "gallery": 0, "progress": False, "workers": 0}


class Brightness(Scorer):
    """A judge of mean grey, raised by a constant."""

    def __init__(self, lift: float = 0.0) -> None:
        self.lift = lift

    def prepare(self, photo: Photo) -> Tensor:
        return torch.tensor([photo.mean() + self.lift])

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs


class Sum(nn.Module):
    """A network that gives the sum of a photo, times its one weight."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, batch: Tensor) -> Tensor:
        self.shapes.append(tuple(batch.shape))
        assert float(batch.max()) <= 1
        return self.weight * batch.flatten(1).sum(1)


def contrast(photo: Photo) -> float:
    return float(photo.std())


CALLS: list[tuple[int, ...]] = []


def counting(photo: Photo) -> float:
    CALLS.append(photo.shape)
    return float(photo.mean())


def width_of_image(image: Image.Image) -> float:
    return float(image.width)


def quick(model: Any, photos: Any, **options: Any) -> BenchmarkResult:
    return iqbench.benchmark(model, photos, **{**QUICK, **options})


def assert_same_exports(python: Path, shell: Path, names: Iterable[str]) -> None:
    """Compare the bytes of exports. Only a report of the command line has commands that repeat it."""
    for name in set(names) - {"report.html"}:
        assert (python / name).read_bytes() == (shell / name).read_bytes(), name
    report = (shell / "report.html").read_text(encoding="utf-8")
    without = re.sub(r"<h3>Commands</h3>.*?(?=<p class=\"faint\">Rows are in)", "", report, flags=re.DOTALL)
    assert (python / "report.html").read_text(encoding="utf-8") == without


def test_one_name_gives_the_files_of_the_command_line_to_the_byte(folder: Path, tmp_path: Path) -> None:
    common = ("model=contrast", "degradation=blur", "data=folder", f"data.root={folder}", "engine.workers=0")
    outcome = run("bench", *common, f"out={tmp_path / 'shell'}")
    assert outcome.exit_code == 0, outcome.err
    result = quick("contrast", folder, out=tmp_path / "python", gallery=4)
    assert_same_exports(tmp_path / "python", tmp_path / "shell", EXPORTS)
    assert result.folder == tmp_path / "python"


@pytest.mark.slow
def test_several_names_give_the_files_of_a_sweep_to_the_byte(folder: Path, tmp_path: Path) -> None:
    common = ("-m", "model=contrast,siamese,iqa", "data=folder", f"data.root={folder}")
    outcome = run("bench", *common, f"out={tmp_path / 'shell'}")
    assert outcome.exit_code == 0, outcome.err
    iqbench.benchmark(["contrast", "siamese", "iqa"], folder, out=tmp_path / "python", progress=False)
    assert_same_exports(tmp_path / "python", tmp_path / "shell", [*EXPORTS, "comparisons.parquet"])
    again = run("report", tmp_path / "python")
    assert again.exit_code == 0
    assert run("verify", tmp_path / "python").exit_code == 0


@pytest.mark.slow
def test_two_objects_of_one_class_are_two_models_with_tables_and_a_figure(folder: Path, tmp_path: Path) -> None:
    result = quick({"dark": Sum(-1.0), "bright": Sum(1.0)}, folder)
    assert isinstance(result, BenchmarkResult)
    assert set(result.table.index) == {"dark", "bright"} == set(result.summary.models)
    assert len({model.fingerprint for model in result.summary.models.values()}) == 2
    assert len(result.pairs) == 2 * 3 * 4
    assert len(result.controls) == 2 * 3 * 2
    accuracy = result.pairs.groupby("model_name")["correct"].mean()
    for name in ("dark", "bright"):
        assert result.table.loc[name, "accuracy"] == pytest.approx(100 * accuracy[name], abs=0.05)
        assert result.table.loc[name, "from"] <= result.table.loc[name, "accuracy"] <= result.table.loc[name, "to"]
    assert accuracy["dark"] == pytest.approx(1 - accuracy["bright"])  # negated scores
    assert result.by_type.loc[("dark", "blur"), "pairs"] == 12
    assert result.by_level.loc[("dark", "blur", 1), "level"] == "1.0"
    assert set(result.comparisons["measure"]) == {"accuracy", "corrected score"}
    assert "larger file" in result.baselines.index
    assert result.takeaways.startswith("# Key takeaways")
    assert isinstance(result.plot(), Figure)
    assert result.plot()._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    assert result.report(tmp_path / "mine.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert result.folder is None
    assert "2 models, 3 photos, 4 degraded copies of each" in repr(result)
    assert "<table" in result._repr_html_()


@pytest.mark.slow
def test_names_are_escaped_in_a_notebook(folder: Path) -> None:
    page = quick({"<script>alert(1)</script>": contrast}, folder)._repr_html_()
    assert "<script>" not in page


def score(model: Any, photo: Photo) -> float:
    """Return the score of a photo by a model as it was given."""
    (named,) = named_models(model)
    assert isinstance(named.model, Scorer)
    with torch.inference_mode():
        return float(named.model.encode(named.model.prepare(photo).unsqueeze(0)))


@pytest.mark.parametrize(
    "model",
    [contrast, lambda photo: photo.std(), partial(np.std), np.std, lambda photo: torch.tensor([photo.std()])],
    ids=["function", "lambda", "partial", "numpy", "tensor"],
)
def test_a_function_that_scores_is_a_model(photo: Photo, model: Any) -> None:
    assert score(model, photo) == pytest.approx(float(photo.std()))


@pytest.mark.parametrize("value", ["sharp", [1.0, 2.0], None, {"score": 1.0}, b"1"])
def test_what_is_no_score_is_named(photo: Photo, value: Any) -> None:
    with pytest.raises(TypeError, match=f"the function gave {type(value).__name__}; a score is one number"):
        score(lambda _: value, photo)


@pytest.mark.parametrize("function", [width_of_image, lambda image: image.getbbox()[2], lambda image: image.size[0]])
def test_a_function_of_images_is_called_with_images(photo: Photo, function: Any) -> None:
    assert score(function, photo) == photo.shape[1]


def test_a_network_gets_whole_photos_from_0_to_1(photo: Photo) -> None:
    assert score(Sum(1.0), photo) == pytest.approx(photo.sum() / 255, rel=1e-5)
    wide = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, -1)))
    with pytest.raises(ValueError, match="for 1 photos; a score is one number per photo"):
        score(wide, photo)


def test_a_metric_of_which_less_is_better_is_turned(photo: Photo) -> None:
    metric = Sum(1.0)
    metric.lower_better = True  # type: ignore[assignment]
    assert score(metric, photo) == -score(Sum(1.0), photo)


@pytest.mark.slow
def test_a_function_is_called_in_this_process_and_a_network_comes_back_in_its_mode(folder: Path) -> None:
    seen: list[tuple[int, ...]] = []
    network = Sum(1.0).train()
    quick([lambda photo: seen.append(photo.shape) or 0.0, network], folder, workers="auto")
    assert (60, 80, 3) in seen
    assert network.training
    assert {shape[1:] for shape in network.shapes} >= {(3, 60, 80), (3, 81, 53)}


NOT_MODELS: list[tuple[Any, str]] = [
    (Brightness, "a class; give an object of it, such as Brightness()"),
    (3, "int is no model"),
    ({}, "there is none"),
    ([], "there is none"),
    ({3: contrast}, "3 is no name"),
    ("https://x.org/a.ckpt", "a URL; download the file"),
    ("siamse", "Did you mean 'siamese'"),
    ("folder/best.ckpt", "no such file"),
    ("no.such.Judge", "cannot be imported"),
    (lambda first, second: 0.0, "takes first, second; a function that scores takes one photo"),
]


@pytest.mark.parametrize(("model", "reason"), NOT_MODELS)
def test_what_is_no_model_is_refused_in_one_line(folder: Path, model: Any, reason: str) -> None:
    with pytest.raises(UsageError) as error:
        quick(model, folder)
    assert reason in str(error.value)
    assert "\n" not in str(error.value)


def test_a_scorer_without_its_base_class_is_told_what_it_lacks() -> None:
    class Half:
        prepare = encode = staticmethod(lambda each: each)

    with pytest.raises(UsageError, match=r"no margin; derive it from iqbench\.interfaces\.Scorer"):
        named_models(Half())


def test_models_of_one_name_in_a_list_are_numbered() -> None:
    names = [each.name for each in named_models([Brightness(), Brightness(1), contrast, "iqa"])]
    assert names == ["brightness_1", "brightness_2", "contrast", "iqa"]


def test_photos_in_memory_are_kept_as_files_to_the_pixel(folder: Path, tmp_path: Path) -> None:
    paths = sorted(folder.iterdir())
    arrays = [np.asarray(Image.open(path)) for path in paths]
    images = [Image.open(path) for path in paths]
    tensors = [torch.from_numpy(array.copy()).permute(2, 0, 1) for array in arrays]
    sources: Sequence[Any] = (paths, map(str, paths), arrays, images, tensors, Folder(str(folder), None, 0))
    for at, photos in enumerate(sources):
        _, listing = data_of(photos, None, 0, tmp_path / str(at))
        assert listing is not None
        for file, array in zip(listing.files, arrays, strict=True):
            assert (read(file.path).pixels == array).all()
    for photos, limit, count in (
        (paths, 2, 2),
        (paths[0], None, 1),
        (arrays[0], None, 1),
        (np.stack([arrays[2]] * 3), 2, 2),
    ):
        _, listing = data_of(photos, limit, 0, tmp_path / "few")
        assert listing is not None
        assert len(listing.files) == count


@pytest.mark.slow
def test_photos_in_memory_are_judged_as_files_are(folder: Path) -> None:
    expected = quick("contrast", folder).pairs["margin"].tolist()
    mapping = {"_target_": "iqbench.datasets.folder.Folder", "root": str(folder), "limit": None, "seed": 0}
    for photos in ([Image.open(path) for path in sorted(folder.iterdir())], mapping):
        assert quick("contrast", photos).pairs["margin"].tolist() == expected


def test_photos_of_one_name_in_two_folders_stay_apart(tmp_path: Path) -> None:
    paths = [tmp_path / name / "a.png" for name in "xy"]
    for seed, path in enumerate(paths):
        path.parent.mkdir()
        Image.fromarray(noisy_gradient(64, 64, seed)).save(path)
    _, listing = data_of(paths, None, 0, tmp_path)
    assert listing is not None
    assert [file.name for file in listing.files] == ["./x/a.png", "./y/a.png"]
    with pytest.raises(UsageError, match="is given twice"):
        data_of([paths[0], paths[0]], None, 0, tmp_path)


NO_PHOTOS: list[tuple[Any, str]] = [
    ("https://x.org/photos", "a URL"),
    ("no/such/folder", "no such file"),
    ([], "there are none"),
    (5, "int is no source of photos"),
    ({"root": "x"}, "dict is no source of photos"),
    ([np.zeros((64, 64, 3))], "float64, whose range cannot be known"),
    ([np.zeros((64, 64, 4), np.uint8)], "four channels"),
    ([np.zeros((64, 64, 3), np.uint16)], "uint16; give uint8"),
]


@pytest.mark.parametrize(("photos", "reason"), NO_PHOTOS)
def test_what_is_no_photo_is_refused_in_one_line(photos: Any, reason: str) -> None:
    with pytest.raises(UsageError) as error:
        quick("contrast", photos)
    assert reason in str(error.value)


def half(photo: Photo) -> Photo:
    return photo // 2


def test_own_damage_is_a_function_levels_settings_or_variants() -> None:
    levels = {"mild": half, "hard": lambda photo: photo // 4}
    settings, variants = suite_of({"dim": levels, "off": half, "blur": {"sigma": [1, 2]}})
    assert variants is not None
    assert [variant.key for variant in variants] == ["dim/mild", "dim/hard", "off/on", "blur/1.0", "blur/2.0"]
    assert settings.dim == {"levels": ["mild", "hard"]}
    given = suite({"blur": blur_ladder([1])})
    assert suite_of(given)[1] == given
    for names, kinds in (("jpeg", ["jpeg"]), (["blur", "jpeg"], ["blur", "jpeg"])):
        settings, variants = suite_of(names)
        assert (list(settings), variants) == (kinds, None)


@pytest.mark.slow
def test_a_model_is_judged_on_own_damage(folder: Path) -> None:
    result = quick(contrast, folder, suite={"dim": {"mild": half, "hard": lambda photo: photo // 4}})
    assert result.by_level.loc["contrast"]["level"].tolist() == ["mild", "hard"]
    assert (result.pairs["correct"] == 1).all()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("blurr", "Did you mean 'blur'"),
        ([], "is no damage"),
        ({"noise": 3}, "noise is int"),
        ({"blur": {"sigma": [-1]}}, "sigma must be positive"),
        ({"odd": lambda photo: photo.mean()}, "promised is uint8"),
    ],
)
def test_what_is_no_damage_is_refused_in_one_line(folder: Path, damage: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        quick(contrast, folder, suite=damage)


@pytest.mark.slow
def test_the_same_call_resumes_and_another_run_is_refused(folder: Path, tmp_path: Path) -> None:
    CALLS.clear()
    first = quick({"mean": counting}, folder, out=tmp_path / "out")
    done = len(CALLS)
    again = quick({"mean": counting}, folder, out=tmp_path / "out")
    assert len(CALLS) - done < done  # what is tried before a run, and the repeat sample, but no photo of it
    pd.testing.assert_frame_equal(first.pairs, again.pairs)
    with pytest.raises(UsageError, match="differs"):
        quick("contrast", folder, out=tmp_path / "out" / "0_mean")


@pytest.mark.slow
def test_a_model_that_fails_leaves_the_others_their_results(folder: Path) -> None:
    def broken(photo: Photo) -> float:
        raise ValueError("lost")

    result = quick({"broken": broken, "fine": contrast}, folder)
    assert "fine" in result.summary.models
    if "broken" in result.summary.models:  # it answers about no photo, where that is not found out before
        assert result.summary.models["broken"].overall.value is None
    else:
        assert "broken" in repr(result)


@pytest.mark.slow
def test_random_numbers_of_the_program_are_its_own(folder: Path) -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    quick("contrast", folder)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.slow
def test_two_threads_benchmark_at_once(folder: Path, tmp_path: Path) -> None:
    results: dict[str, BenchmarkResult] = {}
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            results[name] = quick(name, folder, out=tmp_path / name)
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("contrast", "sharpness")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {name: list(result.summary.models) for name, result in results.items()} == {
        "contrast": ["contrast"], "sharpness": ["sharpness"],
    }  # fmt: skip


def test_a_folder_that_another_run_uses_is_refused(folder: Path, tmp_path: Path) -> None:
    from iqbench.io import lock

    (tmp_path / "out").mkdir()
    with lock(tmp_path / "out"), pytest.raises(LockedError):
        quick("contrast", folder, out=tmp_path / "out")


def test_the_photos_own_folder_is_refused_for_results_and_stays_as_it_is(folder: Path) -> None:
    with pytest.raises(UsageError, match="is the photos' own folder; choose one in it or beside it"):
        quick("contrast", folder, out=folder)
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "b.png", "c.png"]


def test_a_folder_that_cannot_be_made_is_one_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="cannot be used"):
        quick("contrast", folder, out=tmp_path / "file" / "out")


UNGUARDED = """
import multiprocessing, sys
multiprocessing.set_start_method("spawn")
import iqbench
print("imported", flush=True)
class Mine:
    lower = True
def mean(photo):
    return photo.mean()
result = iqbench.benchmark(mean, sys.argv[1], suite="blur", workers=2, gallery=0, progress=False)
print(len(result.pairs))
"""
INTERACTIVE = UNGUARDED.replace("import iqbench", "del sys.modules['__main__'].__file__\nimport iqbench", 1)
LAMBDA = UNGUARDED.replace("iqbench.benchmark(mean,", "iqbench.benchmark(lambda photo: photo.mean(),").replace(
    "import iqbench", 'import iqbench\nif __name__ != "__main__": raise SystemExit', 1
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (UNGUARDED, 'script.py has no line: if __name__ == "__main__"'),
        (INTERACTIVE, "defined in this notebook or session"),
        (LAMBDA, "cannot be pickled"),
    ],
    ids=["unguarded", "interactive", "lambda"],
)
def test_what_workers_cannot_get_is_done_without_them_and_said(
    folder: Path, tmp_path: Path, script: str, reason: str
) -> None:
    (tmp_path / "script.py").write_text(script)
    command = [sys.executable, "script.py", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["imported", "12"]
    assert reason in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_function_is_there_whatever_was_imported_from_its_package() -> None:
    from iqbench import benchmark
    from iqbench.benchmark.task import BenchmarkTask

    assert benchmark is iqbench.benchmark
    assert callable(iqbench.benchmark)
    assert iqbench.benchmark.task.BenchmarkTask is BenchmarkTask  # type: ignore[attr-defined]
    assert list(inspect.signature(iqbench.benchmark).parameters)[:4] == ["model", "photos", "suite", "out"]


def test_importing_iqbench_is_cheap_and_tells_the_version() -> None:
    code = "import json, sys, iqbench; print(json.dumps([iqbench.__version__, sorted(sys.modules)]))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    version, modules = json.loads(ended.stdout)
    assert version.count(".") == 2
    assert not {"torch", "hydra", "pandas", "numpy", "omegaconf", "matplotlib"} & set(modules)
