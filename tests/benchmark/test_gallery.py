"""The gallery: which mistakes are chosen, and which pictures of them are stored."""

from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from fixtures.command_line import run
from fixtures.tiny_models import siamese
from fixtures.verdict_tables import frame, row
from iqbench.benchmark.gallery import (
    failures,
    gallery_picture,
    input_view,
    mistakes,
)
from iqbench.benchmark.gallery_work import Gallery
from iqbench.benchmark.pictures import DETAIL_SIDE, WHOLE_SIDE, shrunk
from iqbench.benchmark.task import BenchmarkTask
from iqbench.benchmark.verdict_table import verdict_rows
from iqbench.datasets.folder import Folder
from iqbench.degradations.blur import blur
from iqbench.degradations.crop import crop_center, crop_edge_ladders
from iqbench.degradations.ladder import suite
from iqbench.inference.engine_config import EngineConfig
from iqbench.models.rules import Rules
from iqbench.results.reader import read_store
from iqbench.results.schema import FILE_NAME
from iqbench.results.store import Store


def decoded(data):
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def rows():
    return frame(
        [
            row("a", "p", "blur", "1", -1.0),
            row("a", "p", "blur", "2", -3.0, severity=2),
            row("a", "q", "blur", "1", -2.0),
            row("a", "r", "blur", "1", 5.0),
            row("a", "s", "blur", "1", 0.0),
            row("a", "t", "blur", "1", -9.0, status="corrupt"),
            row("a", "p", "jpeg", "80", -0.5),
            row("a", "p", "control", "identity", -7.0),
            row("b", "p", "blur", "2", 1.0, severity=2),
            row("b", "q", "blur", "1", -1.0),
        ]
    )


def test_the_surest_mistakes_come_first_and_each_photo_once_a_type():
    chosen = mistakes(rows(), 4)
    chosen = chosen[chosen["model_name"] == "a"]
    mistake_rows = chosen[["original", "degradation_type", "margin"]].to_numpy().tolist()
    assert mistake_rows == [["p", "blur", -3.0], ["q", "blur", -2.0], ["p", "jpeg", -0.5]]
    assert mistakes(rows(), 1).groupby("model_name").size().to_dict() == {"a": 2, "b": 1}
    assert mistakes(rows(), 0).empty


def test_ties_failures_and_controls_are_no_mistakes():
    assert not set(mistakes(rows(), 99)["original"]) & {"r", "s", "t"}
    assert "control" not in set(mistakes(rows(), 99)["degradation_type"])


def test_each_mistake_says_who_else_made_it():
    blur_mistakes = failures(rows(), 4)["a"]["blur"]
    assert (blur_mistakes.pairs, blur_mistakes.wrong) == (5, 3)
    assert [(mistake.photo, mistake.right, mistake.wrong_too) for mistake in blur_mistakes.worst] == [
        ("p", ["b"], []),
        ("q", [], ["b"]),
    ]


def test_the_detail_lies_where_the_change_is(photo):
    large = np.tile(photo, (4, 4, 1))
    changed = large.copy()
    changed[300:320, 400:430] = 255 - changed[300:320, 400:430]
    pictures = gallery_picture(("x", "v"), large, changed, siamese())
    before, after = decoded(pictures.detail_original), decoded(pictures.detail_degraded)
    assert before.shape == after.shape == (DETAIL_SIDE, DETAIL_SIDE, 3)
    assert (np.abs(before.astype(int) - after) > 60).any(axis=2).sum() > 300
    assert max(decoded(pictures.whole_original).shape) == WHOLE_SIDE


def test_a_crop_is_small_beside_its_original(photo):
    pictures = gallery_picture(("x", "v"), photo, crop_center(photo, 0.5), siamese())
    original, part = decoded(pictures.whole_original), decoded(pictures.whole_degraded)
    assert part.shape[0] / original.shape[0] == np.floor(photo.shape[0] / 2) / photo.shape[0]


def test_a_network_is_shown_what_it_saw(photo):
    model, blurred = siamese(), blur(photo, 3)
    pictures = gallery_picture(("x", "v"), photo, blurred, model)
    for picture, data in ((photo, pictures.input_original), (blurred, pictures.input_degraded)):
        true = model.prepare(picture).permute(1, 2, 0).numpy()
        assert np.abs(decoded(data).astype(int) - true).mean() < 3
    assert pictures.input_about == "32 x 32 px"


def test_rules_are_shown_their_named_terms(photo):
    pictures = gallery_picture(("x", "v"), photo, blur(photo, 3), Rules({"contrast": 1.0}, clipped=True))
    assert pictures.input_original is None
    assert pictures.input_about.startswith("sharpness ")
    assert "contrast" in pictures.input_about


def test_normalised_inputs_are_stretched_alike_and_views_stand_side_by_side():
    dark, bright = torch.full((5, 3, 20, 10), -2.0), torch.full((5, 3, 20, 10), 2.0)
    views = input_view(dark, bright)
    assert [picture.shape for picture in views.pictures] == [(20, 50, 3)] * 2
    assert [int(picture.max()) for picture in views.pictures] == [0, 255]
    assert views.about == "5 views of 10 x 20 px"


def test_an_input_of_many_numbers_is_only_counted():
    assert input_view(torch.zeros(100), torch.zeros(100)).about == "not a picture, but 100 numbers"


def pictures_of(folder: Path) -> pd.DataFrame:
    return read_store(folder / FILE_NAME).gallery


@pytest.mark.slow
def test_a_run_keeps_the_pictures_of_its_mistakes_and_no_others(folder: Path, tmp_path: Path):
    common = ("bench", "model=contrast", "data=folder", f"data.root={folder}", "engine.workers=0")
    assert run(*common, f"out={tmp_path / 'a'}").exit_code == 0
    pictures = pictures_of(tmp_path / "a")
    table = pd.read_parquet(tmp_path / "a" / "unified_results.parquet")
    expected = mistakes(table, 4)
    keys = expected["photo_sha256"] + expected["degradation_type"] + "/" + expected["degradation_level"]
    assert sorted(keys) == sorted(pictures["sha256"] + pictures["variant"])
    assert len(pictures) > 3
    report_bytes = (tmp_path / "a" / "report.html").read_bytes()
    assert run(*common, f"out={tmp_path / 'a'}").exit_code == 0
    assert (tmp_path / "a" / "report.html").read_bytes() == report_bytes
    assert run(*common, "gallery=0", f"out={tmp_path / 'none'}").exit_code == 0
    assert pictures_of(tmp_path / "none").empty


def test_a_photo_that_changed_since_costs_its_pictures_and_nothing_else(folder: Path, tmp_path: Path):
    common = ("bench", "model=contrast", "data=folder", f"data.root={folder}", "degradation=crop_edge")
    assert run(*common, "engine.workers=0", "gallery=0", f"out={tmp_path / 'run'}").exit_code == 0
    judged = read_store(tmp_path / "run" / FILE_NAME)
    listed = Folder(str(folder), limit=None, seed=0).photos().files
    wrong = {file.name: file for file in listed if file.name in set(mistakes(verdict_rows([judged]), 4)["original"])}
    assert len(wrong) > 1
    changed = next(iter(wrong))
    wrong[changed].path.write_bytes(wrong[changed].path.read_bytes() + b"more")
    variants = suite({"crop_edge": crop_edge_ladders(["right", "bottom"], [0.2, 0.3])})
    with closing(Store(tmp_path / "run", judged.identity, {}, [])) as store:
        model, engine = Rules({"contrast": 1.0}, clipped=True), EngineConfig.for_api("cpu", batch_size=1, workers=0)
        Gallery(store, BenchmarkTask(model, listed, variants, engine), 4).alone()
    stored_run = read_store(tmp_path / "run" / FILE_NAME)
    names = stored_run.gallery.merge(stored_run.photos, on="sha256")["name"]
    assert set(names) == set(wrong) - {changed}


def test_a_gallery_of_less_than_nothing_is_refused(folder: Path, tmp_path: Path):
    outcome = run("bench", "model=contrast", "data=folder", f"data.root={folder}", "gallery=-1", f"out={tmp_path}")
    assert outcome.exit_code == 2
    assert outcome.last_line == "iqbench.bench: gallery=-1: must be 0 or more"


@pytest.mark.parametrize(("height", "width"), [(1153, 1151), (1152, 2047), (577, 1600), (40, 3001)])
def test_a_photo_of_any_size_is_shrunk_as_if_at_once(height: int, width: int) -> None:
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    photo = np.stack([rows, columns, np.hypot(rows, columns) / 2], axis=2) * 255
    scale = WHOLE_SIDE / max(height, width)
    small = shrunk(np.round(photo).astype(np.uint8), scale)
    size = round(width * scale), max(1, round(height * scale))
    at_once = cv2.resize(photo.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    assert small.shape == at_once.shape
    assert np.abs(small - at_once).max() < 3
