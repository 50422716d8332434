"""The resolution test: pictures at each size, and what verdicts, preferences and scores say about them."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from fixtures.command_line import run
from fixtures.photos import noisy_gradient
from iqbench.benchmark.resolution import SMALLER, ResolutionTask, resolution_rows, resolution_suite
from iqbench.benchmark.resolution_summary import IS_FULL, NO_SCORES, summarize_resolution
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.crop import crop_center_ladder
from iqbench.degradations.ladder import suite
from iqbench.errors import UsageError
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import NotApplicable, Photo, PhotoContext, PhotoFile, Scorer, Variant
from iqbench.protocol import Protocol
from iqbench.reporting.resolution_report import finding
from iqbench.resolution import checked_sizes
from iqbench.results.resolution_summary import FULL, ResolutionSummary, read_resolution

FAIR = Protocol("standard", orders="both", tie_worth=0.5, tie_margin=0.0)
ENGINE = EngineConfig.for_api("cpu", batch_size=1, workers=0)


class Area(Scorer):
    """Prefers the picture with more pixels, so a full photo to its smaller copy and to its crops."""

    def prepare(self, photo: Photo) -> torch.Tensor:
        return torch.tensor([float(photo.shape[0] * photo.shape[1])])

    def encode(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs


class SharpBelow(Scorer):
    """Prefers the sharper picture if it is at most 64 pixels wide, else the smoother one."""

    def prepare(self, photo: Photo) -> torch.Tensor:
        sharpness = float(cv2.Laplacian(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())
        return torch.tensor([sharpness if photo.shape[1] <= 64 else -sharpness])

    def encode(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs


def variants() -> list[Variant]:
    return suite({"blur": blur_ladder(sigma=[2]), "crop_center": crop_center_ladder(keep=[0.5])})


def summary_of(model: Any, files: list[PhotoFile], sizes: list[int]) -> tuple[ResolutionSummary, pd.DataFrame]:
    pictures, questions = resolution_suite(variants(), sizes)
    task = ResolutionTask(model, files, pictures, ENGINE, questions=questions)
    rows = resolution_rows(task, FAIR, "photo", "test")
    names = [*map(str, sizes), FULL]
    return summarize_resolution(rows, ("test", "f1"), names, FAIR, "photo"), rows


@pytest.fixture
def photos(tmp_path: Path) -> list[PhotoFile]:
    """Four photos of 128 x 96 pixels and one of 50 x 40."""
    files = []
    for number in range(5):
        path = tmp_path / f"{number}.png"
        height, width = (40, 50) if number == 4 else (96, 128)
        Image.fromarray(noisy_gradient(height, width, seed=number)).save(path)
        files.append(PhotoFile(f"./{path.name}", path))
    return files


class TestPictures:
    def test_a_copy_is_scaled_by_the_factor_of_its_photo(self) -> None:
        photo = noisy_gradient(96, 128)
        pictures, _ = resolution_suite(variants(), [64])
        shapes = {picture.key: picture.picture(photo, None).shape[:2] for picture in pictures}
        assert shapes == {
            "smaller/64": (48, 64),
            "blur/2.0@full": (96, 128),
            "blur/2.0@64": (48, 64),
            "crop_center/50pct@full": (48, 64),
            "crop_center/50pct@64": (24, 32),
        }

    def test_the_damage_is_made_in_full_size(self) -> None:
        photo, blur = noisy_gradient(96, 128), variants()[0]
        pictures, _ = resolution_suite([blur], [64])
        expected = cv2.resize(blur.apply(photo), (64, 48), interpolation=cv2.INTER_AREA)
        assert np.array_equal(pictures[-1].picture(photo, None), expected)

    @pytest.mark.parametrize("shape", [(64, 48), (40, 64), (33, 32)])
    def test_no_photo_is_enlarged_or_shown_twice_in_one_size(self, shape: tuple[int, int]) -> None:
        pictures, _ = resolution_suite(variants(), [64])
        with pytest.raises(NotApplicable, match="not larger than 64 px"):
            pictures[0].picture(noisy_gradient(*shape), None)

    def test_the_damage_is_made_once_for_all_sizes_of_a_photo(self, photos: list[PhotoFile]) -> None:
        made: list[Photo] = []

        def spoil(photo: Photo, context: PhotoContext | None) -> Photo:
            assert context is None or context.file in photos
            made.append(photo)
            return 255 - photo

        spoiled = Variant("spoil", "technical", "spoil", "1", 1, spoil, needs_context=True)
        pictures, questions = resolution_suite([spoiled], [32, 64])
        task = ResolutionTask(Area(), photos, pictures, ENGINE, questions=questions)
        rows = resolution_rows(task, FAIR, "photo", "test")
        assert len(made) == len(photos)
        assert set(rows["status"]) == {"ok", "not_applicable"}


class TestSummary:
    def test_verdicts_that_turn_with_the_size_are_counted(self, photos: list[PhotoFile]) -> None:
        summary, rows = summary_of(SharpBelow(), photos, [64])
        (model,) = summary.models.values()
        small, full = model.steps
        blurred = rows[(rows["type"] == "blur") & (rows["photo"] != "./4.png")].pivot(
            index="photo", columns="size", values="correct"
        )
        assert blurred["64"].tolist() == [1.0] * 4
        assert blurred[FULL].tolist() == [0.0] * 4
        assert model.holds_by_type["blur"].value == 0
        assert model.holds_by_type["blur"].n == 4
        assert small.by_type["blur"].value == 1
        assert full.by_type["blur"].value == pytest.approx(1 / 5)
        assert (small.photos, full.photos) == (4, 5)

    def test_changes_compare_the_same_photos(self, photos: list[PhotoFile]) -> None:
        summary, rows = summary_of(SharpBelow(), photos, [64])
        small = summary.models["test"].steps[0]
        large = rows[(rows["photo"] != "./4.png") & (rows["type"] != SMALLER)]
        means = large.groupby("size")["correct"].mean()
        assert small.accuracy_change.value == pytest.approx(means["64"] - means[FULL])
        assert small.accuracy_change.n == 8
        same = large.pivot(index=["photo", "type"], columns="size", values="margin").apply(np.sign)
        assert small.same_verdict.value == pytest.approx((same["64"] == same[FULL]).mean())

    def test_a_judge_of_pixels_prefers_the_larger_copy_and_its_verdicts_hold(self, photos: list[PhotoFile]) -> None:
        summary, _ = summary_of(Area(), photos, [32, 64])
        model = summary.models["test"]
        assert model.holds.value == 1
        assert [step.larger_preferred.value for step in model.steps] == [1.0, 1.0, None]
        assert [step.accuracy.value for step in model.steps] == [0.75] * 3
        assert finding("area", model).endswith("of the verdicts hold at all sizes.")  # 5 photos show nothing more

    def test_a_preference_is_said_where_its_interval_shows_it(self, tmp_path: Path) -> None:
        files = [PhotoFile(f"./{number}.png", tmp_path / f"{number}.png") for number in range(14)]
        for number, file in enumerate(files):
            Image.fromarray(noisy_gradient(60, 70, seed=number)).save(file.path)
        summary, _ = summary_of(Area(), files, [32])
        said = finding("area", summary.models["test"])
        assert said.endswith("It prefers the larger of two copies of one photo (to 32 px).")

    def test_the_drift_of_scores_is_the_mean_over_photos(self, photos: list[PhotoFile]) -> None:
        summary, _ = summary_of(Area(), photos, [32, 64])
        small, middle, full = summary.models["test"].steps
        assert middle.score_change.value == pytest.approx(64 * 48 - 128 * 96)
        assert small.score_change.value == pytest.approx((4 * (32 * 24 - 128 * 96) + 32 * 26 - 50 * 40) / 5)
        assert (full.score_change.value, full.score_change.reason) == (None, IS_FULL)

    def test_a_model_without_scores_has_a_reason_instead(self, photos: list[PhotoFile]) -> None:
        class Pairwise:
            prepare, encode = Area.prepare, Area.encode

            def margin(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
                return (first - second)[:, 0]

        summary, _ = summary_of(Pairwise(), photos, [64])
        assert summary.models["test"].steps[0].score_change.reason == NO_SCORES

    def test_a_size_above_all_photos_has_reasons(self, photos: list[PhotoFile]) -> None:
        summary, _ = summary_of(Area(), photos, [4096])
        step = summary.models["test"].steps[0]
        assert (step.photos, step.accuracy.value) == (0, None)
        assert step.accuracy.reason
        assert step.larger_preferred.reason
        assert summary.models["test"].holds.reason == "no pair was judged at two sizes"

    def test_a_broken_photo_costs_its_own_questions(self, photos: list[PhotoFile], tmp_path: Path) -> None:
        (tmp_path / "broken.png").write_bytes(photos[0].path.read_bytes()[:100])
        files = [*photos, PhotoFile("./broken.png", tmp_path / "broken.png")]
        summary, _ = summary_of(Area(), files, [64])
        assert summary.models["test"].failures == {"corrupt": 5}
        assert summary.models["test"].steps[-1].photos == 5


class TestProgram:
    def test_one_command_gives_table_files_and_picture(self, photos: list[PhotoFile], tmp_path: Path) -> None:
        out = tmp_path / "out"
        outcome = run(
            "resolution", "model=sharpness", "data=folder", f"data.root={photos[0].path.parent}", "degradation=blur",
            "sizes=[64,32]", "engine.workers=0", f"out={out}",
        )  # fmt: skip
        assert outcome.exit_code == 0, outcome.err
        assert "of the verdicts hold at all sizes" in outcome.out
        assert read_resolution(out).sizes == ["32", "64", "full"]
        with Image.open(out / "resolution.png") as picture:
            assert picture.size[0] > 1000
        rows = pd.read_csv(out / "resolution.csv", keep_default_na=False)
        assert len(rows) == 5 * (2 + 3 * 4)
        other = run("resolution", "model=contrast", "data=folder", f"data.root={photos[0].path.parent}", f"out={out}")
        assert other.exit_code == 2
        assert "holds the resolution test of another model" in other.last_line

    @pytest.mark.slow
    def test_a_sweep_is_merged_and_its_failed_job_is_said(self, photos: list[PhotoFile], tmp_path: Path) -> None:
        out, root = tmp_path / "sweep", photos[0].path.parent
        common = ("data=folder", f"data.root={root}", "degradation=blur", "sizes=[64]", "engine.workers=0")
        outcome = run("resolution", "-m", "model=sharpness,contrast", *common, f"out={out}")
        assert outcome.exit_code == 0, outcome.err
        assert set(read_resolution(out).models) == {"sharpness", "contrast"}
        assert set(pd.read_csv(out / "resolution.csv")["model_name"]) == {"sharpness", "contrast"}
        failing = run("resolution", "-m", "model=iqa,siamese", "model.checkpoint=none.ckpt", *common, f"out={out}2")
        assert failing.exit_code == 2

    @pytest.mark.parametrize("sizes", [[], [0], [64, 64], [31], [True, 64]])
    def test_sizes_that_cannot_be_are_refused(self, sizes: list[int]) -> None:
        with pytest.raises(UsageError, match="must be different numbers of pixels"):
            checked_sizes(sizes)


def test_the_summary_is_strict_json(photos: list[PhotoFile]) -> None:
    summary, _ = summary_of(Area(), photos, [64])
    content = json.loads(summary.model_dump_json())
    assert ResolutionSummary.model_validate(content) == summary
