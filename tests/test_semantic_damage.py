"""Runs with semantic damage: effects beyond controls, counts, resumption, and that none is trained on."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

import iqbench
from fixtures.subjects import grass, red_finder, with_subject
from iqbench import photos
from iqbench.api.results import BenchmarkResult
from iqbench.benchmark.plan import _damage_identity
from iqbench.config import compose
from iqbench.degradations.ladder import Degradation, Ladder, Level, suite
from iqbench.degradations.semantic import background
from iqbench.degradations.semantic import scene as scenes
from iqbench.degradations.semantic.background import change_background_ladders
from iqbench.degradations.semantic.removal import remove_subject_ladder
from iqbench.errors import UsageError
from iqbench.interfaces import NotApplicable, Photo, Scorer
from iqbench.results.compatibility import damage_difference
from iqbench.subjects import write_sheets
from iqbench.training.datamodules import datamodule_for

PHOTOS, WITH_SUBJECT = 6, 4
QUICK = {"gallery": 0, "progress": False, "workers": 0}


class Redness(Scorer):
    """A judge that likes red subjects, and sees nothing else."""

    def prepare(self, photo: Photo) -> Tensor:
        return torch.tensor([min(950.0, float(((photo[..., 0] > 180) & (photo[..., 1] < 60)).sum()))])

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for at in range(PHOTOS):
        photo = grass(90, 150, seed=at)
        photo = with_subject(photo, (20, 55, 15 + 4 * at, 50 + 4 * at)) if at < WITH_SUBJECT else photo
        Image.fromarray(photo).save(folder / f"{at}.png")
    return folder


def damage() -> dict[str, Degradation]:
    scenes._last.clear()
    return {
        "remove_subject": remove_subject_ladder([0.33, 1], red_finder()),
        "change_background": change_background_ladders(["plain", "other"], 0.02, red_finder()),
    }


def benchmark(root: Path, out: Path | None = None) -> BenchmarkResult:
    return iqbench.benchmark({"red": Redness()}, photos=root, suite=damage(), out=out, **QUICK)


def test_a_judge_of_the_subject_sees_its_removal_and_neither_the_hole_nor_the_paste(root: Path) -> None:
    result = benchmark(root)
    model = result.summary.models["red"]
    effects = {(effect.degradation_type, effect.control, effect.level): effect for effect in model.semantic_effects}
    removed = effects["remove_subject", "hole", None]
    assert (removed.value, removed.photos) == (0.5, WITH_SUBJECT)  # right about the removal, tied about the hole
    assert effects["change_background", "pasted", None].value == 0.0  # the subject is there
    assert set(model.groups) == {"semantic"}
    assert model.by_degradation.keys() == {"remove_subject", "change_background"}
    assert len(result.controls) == PHOTOS * (2 + 2 * 2 + 1)
    assert "beyond a filled hole in the background" in result.takeaways
    assert "Semantic effects" in result.page
    assert "Not applicable, and no failure" in result.page


def test_what_cannot_be_made_is_no_failure_and_is_not_asked_again(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = benchmark(root, out)
    pairs = first.summary.counts.pairs
    without = (PHOTOS - WITH_SUBJECT) * 4
    assert (pairs.planned, pairs.ok, pairs.failed, pairs.not_applicable) == (
        PHOTOS * 4,
        PHOTOS * 4 - without,
        0,
        without,
    )
    assert first.summary.models["red"].not_applicable["remove_subject"] == {"no clear subject": without // 2}
    assert set(first.pairs.loc[first.pairs["status"] == "not_applicable", "error"].str.partition(":")[0]) == {
        "no clear subject"
    }
    looked, find = list[Photo](), type(red_finder()).find

    def counting(finder: object, photo: Photo) -> object:
        looked.append(photo)
        return find(finder, photo)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(red_finder()), "find", counting)
        again = benchmark(root, out)
    assert again.summary.counts == first.summary.counts
    assert {photo.shape for photo in looked} <= {(96, 128, 3), (90, 150, 3)}
    assert sum(photo.shape == (90, 150, 3) for photo in looked) <= PHOTOS  # of the repeat sample, if it is there


def test_a_background_that_needed_more_photos_is_asked_again_when_there_are_more(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for file in sorted(root.iterdir())[1:]:
        file.rename(tmp_path / file.name)
    assert "other" in str(benchmark(root, out).pairs.query("status == 'not_applicable'")["degradation_level"].tolist())
    for file in tmp_path.glob("*.png"):
        file.rename(root / file.name)
    rows = benchmark(root, out).pairs
    assert (rows[rows["original"] == "./0.png"]["status"] == "ok").all()


@pytest.mark.slow
def test_the_photo_behind_each_subject_can_be_computed_from_the_manifest(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, covering = set[bytes](), background._covering

    def watched(photo: Photo, height: int, width: int) -> Photo:
        used.add(photo.tobytes())
        return covering(photo, height, width)

    monkeypatch.setattr(background, "_covering", watched)
    benchmark(root, tmp_path / "out")
    names = pd.read_csv(tmp_path / "out" / "manifest.csv")["name"].tolist()
    pixels = {name: np.asarray(Image.open(root / name)) for name in names}

    def partner(name: str) -> str:
        own = hashlib.sha256(str(pixels[name].shape).encode() + pixels[name].tobytes()).hexdigest()
        return min(set(names) - {name}, key=lambda other: hashlib.sha256(f"{own} {other}".encode()).hexdigest())

    assert used == {pixels[partner(f"./{at}.png")].tobytes() for at in range(WITH_SUBJECT)}
    write_sheets(root, tmp_path / "sheets", None, 0, ["segmenter=grabcut"])
    told = pd.read_csv(tmp_path / "sheets" / "subjects.csv").drop_duplicates("photo").set_index("photo")["other"]
    assert told.to_dict() == {name: partner(name) for name in names}


@pytest.mark.slow
def test_a_run_looks_for_the_subject_of_a_photo_once_whatever_the_number_of_levels_and_controls(root: Path) -> None:
    looked, find = list[tuple[int, ...]](), type(red_finder()).find

    def counting(finder: object, photo: Photo) -> object:
        looked.append(photo.shape)
        return find(finder, photo)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(red_finder()), "find", counting)
        iqbench.benchmark({"red": Redness(), "too": Redness()}, photos=root, suite=damage(), **QUICK)
    again = PHOTOS  # of the sample that is scored twice
    assert looked.count((90, 150, 3)) <= 2 * (PHOTOS + again)
    assert looked.count((96, 128, 3)) <= 2  # of the rehearsal, once a model


def test_the_places_of_files_are_no_part_of_the_damage_and_the_segmenter_is() -> None:
    settings = {"remove_subject": {"share": [1], "subject": {"min_area": 0.02, "cache": "/a", "model_file": None}}}
    elsewhere = {"remove_subject": {"share": [1], "subject": {"min_area": 0.02, "cache": "/b", "model_file": "x.onnx"}}}
    variants = suite({"remove_subject": remove_subject_ladder([1], red_finder())})
    identity = _damage_identity(settings, variants)
    assert identity == _damage_identity(elsewhere, variants)
    assert identity["remove_subject"]["made_with"] == "red"
    other = {"remove_subject": {**identity["remove_subject"], "made_with": "grabcut"}}
    assert damage_difference({"degradation": identity}, {"degradation": other}) == (
        "degradation.remove_subject.made_with (red, not grabcut)"
    )
    assert _damage_identity({"blur": {"sigma": [1]}}, []) == {"blur": {"sigma": [1]}}


def test_semantic_damage_is_not_trained_on(root: Path) -> None:
    settings = ["degradation=remove_subject", "data=folder", f"data.root={root}", f"paths.cache={os.devnull}"]
    config = compose("train", ["name=test", "out=nowhere", *settings, "model=siamese"])
    with pytest.raises(UsageError, match=r"^degradation=remove_subject: cannot be trained on, since it cannot be made"):
        datamodule_for(config, None)  # type: ignore[arg-type]


def test_any_damage_that_does_not_apply_ends_a_training_in_one_line(root: Path) -> None:
    from iqbench.datasets.degraded_examples import Copies
    from iqbench.datasets.folder import Folder
    from iqbench.datasets.originals import Original
    from iqbench.degradations.drawn import Damaged

    def never(photo: Photo) -> Photo:
        raise NotApplicable("no sky")

    files = list(Folder(str(root), limit=None, seed=0).photos().files)
    photo = photos.read(files[0].path).pixels
    (variant,) = suite({"sky": Degradation("technical", [Ladder("", [Level("1", never)])])})
    with pytest.raises(
        UsageError, match=r"^degradation sky/1: cannot be made of \./0\.png \(no sky\); train without it$"
    ):
        Copies(Original(files[0], "0" * 64), [Damaged(variant, ("sky",), 1.0)]).picture(1, photo, files)
