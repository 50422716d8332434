"""The repeat sample: differences between a model's first and second answers."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fixtures.command_line import TINY, run
from fixtures.tiny_models import siamese
from iqbench.benchmark.pairs import score_pairs
from iqbench.benchmark.repeat_sample import repeat_scoring, repeatability
from iqbench.benchmark.task import BenchmarkTask
from iqbench.benchmark.verdict_table import with_distinct_models
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import suite
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import PhotoFile, Scorer
from iqbench.results.reader import Run, read_store
from iqbench.results.schema import FILE_NAME, PhotoRow, VariantRow
from iqbench.results.store import Store

ENGINE = EngineConfig.for_api("cpu", batch_size=8, workers=0)
VARIANTS = suite({"blur": blur_ladder([1, 2])}) + controls()


class Steady(Scorer):
    def prepare(self, photo):
        return torch.tensor([photo.std()], dtype=torch.float64)

    def encode(self, inputs):
        return inputs


class Drifting(Steady):
    """Reverses its answers after the two batches of three photos."""

    def __init__(self):
        self.asked = 0.0

    def encode(self, inputs):
        self.asked += 1
        return inputs * (1 if self.asked < 3 else -1)


def judged(model, files: list[PhotoFile], folder: Path, engine: EngineConfig = ENGINE) -> Run:
    """Return a run as bench makes it, with a repeat sample of the first photo."""
    folder.mkdir()
    identity = {"photos": [file.name for file in files], "model_fingerprint": "m", "model_name": "m"}
    identity["precision"] = engine.precision
    identity["protocol"] = {"name": "standard", "orders": "both", "tie_worth": 0.5, "tie_margin": 1e-6}
    rows = [VariantRow.of(position, variant, "0") for position, variant in enumerate(VARIANTS)]
    task = BenchmarkTask(model, files, VARIANTS, engine)
    with closing(Store(folder, identity, {"model_type": "m"}, rows)) as store:
        write(store, task)
        repeat_scoring(store, task, {files[0].name}).alone()
    return read_store(folder / FILE_NAME)


def write(store: Store, task: BenchmarkTask) -> None:
    for record, pairs, _ in score_pairs(task):
        store.write(PhotoRow.of(record, seen_in_training=False), pairs)


def test_a_steady_model_says_the_same_again(files, tmp_path):
    repeat_sample, other_runs = repeatability([judged(Steady(), files, tmp_path / "a")], {"m": "m"})["m"]
    assert repeat_sample.model_dump() == {
        "largest_change": 0.0,
        "pairs": len(VARIANTS),
        "verdicts_changed": 0,
        "precision": "fp32",
        "precision_before": "fp32",
    }
    assert other_runs.largest_change is None
    assert other_runs.largest_change_reason == "no pair was judged by a second run"


def test_one_model_in_two_precisions_or_under_two_names_is_two_rows_and_each_has_its_own_repeats(files, tmp_path):
    half = judged(siamese(), files, tmp_path / "half", replace(ENGINE, precision="bf16"))
    full = judged(siamese(), files, tmp_path / "full")
    renamed = replace(full, identity={**full.identity, "model_name": "other"})
    runs = with_distinct_models([half, full, full, renamed])
    names = ["m@precision=bf16", "m@precision=fp32", "m@precision=fp32", "other"]
    assert [run.identity["model_name"] for run in runs] == names
    samples = {name: sample for name, (sample, _) in repeatability(runs, names).items()}
    assert [samples[name].precision_before for name in names[1:]] == ["fp32"] * 3
    assert samples[names[0]].precision_before == "bf16"
    assert samples["other"].pairs == len(VARIANTS)


def test_a_model_that_remembers_is_found_out(files, tmp_path):
    repeat_sample, _ = repeatability([judged(Drifting(), files, tmp_path / "a")], {"m": "m"})["m"]
    assert repeat_sample.largest_change > 1
    assert repeat_sample.verdicts_changed == 3  # all but the identical copy


def test_a_network_that_was_asked_in_half_precision_is_asked_again_in_full(files, tmp_path):
    half_run = judged(siamese(), files, tmp_path / "half", replace(ENGINE, precision="bf16"))
    full = judged(siamese(), files, tmp_path / "full").pairs.set_index(["photo", "reference", "variant"])
    for row in half_run.repeats.itertuples():
        assert row.forward == pytest.approx(full.loc[(row.photo, "original", row.variant), "forward"], abs=1e-5)
    repeat_sample, _ = repeatability([half_run], {"m": "m"})["m"]
    assert (repeat_sample.precision_before, repeat_sample.precision) == ("bf16", "fp32")
    assert 1e-5 < repeat_sample.largest_change < 0.05


def test_two_runs_of_one_model_are_held_against_each_other(files, tmp_path):
    first = judged(Steady(), files, tmp_path / "a")
    second = judged(Steady(), files[1:], tmp_path / "b")
    second.pairs.loc[second.pairs["variant"] == "blur/2.0", "forward"] += 0.5
    _, other_runs = repeatability([first, second], {"m": "m"})["m"]
    assert other_runs.pairs == 2 * len(VARIANTS)
    assert other_runs.largest_change == pytest.approx(0.25)


def test_a_photo_that_is_judged_anew_is_asked_again_anew(files, tmp_path):
    run_ = judged(Steady(), files, tmp_path / "a")
    assert run_.repeats["photo"].nunique() == 1
    with closing(Store(tmp_path / "a", run_.identity, {}, [])) as store:
        write(store, BenchmarkTask(Steady(), files, VARIANTS, ENGINE))
        assert store.repeated_photos() == set()


def test_a_run_says_how_far_its_model_repeats_itself(folder: Path, tmp_path: Path) -> None:
    common = ("model=siamese", *TINY, "model.checkpoint=untrained", "data=folder", f"data.root={folder}")
    outcome = run("bench", *common, "engine.workers=0", "degradation=blur", f"out={tmp_path / 'a'}")
    assert outcome.exit_code == 0, outcome.err
    repeats = read_store(tmp_path / "a" / FILE_NAME).repeats
    assert len(repeats) == 4 + 2
    assert np.isfinite(repeats["forward"]).all()
