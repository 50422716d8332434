"""What is found when a model is asked the same twice."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fixtures.command_line import TINY, run
from fixtures.tiny_models import siamese
from iqbench.benchmark.pairs import answers
from iqbench.benchmark.repeat_sample import repeatability, second_look
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import suite
from iqbench.inference.engine_config import Settings
from iqbench.interfaces import PhotoFile, Scorer
from iqbench.results.reader import Run, read_store
from iqbench.results.schema import FILE_NAME
from iqbench.results.store import Store

SETTINGS = Settings.plain("cpu", batch_size=8, workers=0)
VARIANTS = suite({"blur": blur_ladder([1, 2])}) + controls()


class Steady(Scorer):
    def prepare(self, photo):
        return torch.tensor([photo.std()], dtype=torch.float64)

    def encode(self, inputs):
        return inputs


class Drifting(Steady):
    """Changes its mind after the two batches of three photos."""

    def __init__(self):
        self.asked = 0.0

    def encode(self, inputs):
        self.asked += 1
        return inputs * (1 if self.asked < 3 else -1)


def judged(model, files: list[PhotoFile], folder: Path, how: Settings = SETTINGS) -> Run:
    """A run as bench does it, with a second look."""
    folder.mkdir()
    identity = {"photos": [file.name for file in files], "model_fingerprint": "m", "model_name": "m"}
    identity["precision"] = how.precision
    identity["protocol"] = {"name": "standard", "orders": "both", "tie_worth": 0.5, "tie_margin": 1e-6}
    rows = [
        {
            "position": at,
            "key": one.key,
            "degradation_type": one.type,
            "degradation_group": one.group,
            "ladder": one.ladder,
            "degradation_level": one.level,
            "severity": one.severity,
            "amount": one.amount,
            "unit": one.unit,
        }
        for at, one in enumerate(VARIANTS)
    ]
    with closing(Store(folder, identity, {"model_type": "m"}, rows)) as store:
        for photo, pairs in answers(model, files, VARIANTS, how):
            store.write(photo, pairs)
        second_look(store, files, {files[0].name}, VARIANTS, model, how)
    return read_store(folder / FILE_NAME)


def test_a_steady_model_says_the_same_again(files, tmp_path):
    again = repeatability([judged(Steady(), files, tmp_path / "a")], {"m": "m"})["m"]
    assert again["second_look"] == {
        "largest_change": 0.0,
        "pairs": len(VARIANTS),
        "verdicts_changed": 0,
        "precision": "fp32",
        "precision_before": "fp32",
    }
    assert again["other_runs"]["largest_change"] is None
    assert again["other_runs"]["largest_change_reason"] == "no pair was judged by a second run"


def test_a_model_that_remembers_is_found_out(files, tmp_path):
    again = repeatability([judged(Drifting(), files, tmp_path / "a")], {"m": "m"})["m"]
    assert again["second_look"]["largest_change"] > 1
    assert again["second_look"]["verdicts_changed"] == 3  # all but the identical copy


def test_a_network_that_was_asked_in_half_precision_is_asked_again_in_full(files, tmp_path):
    half = judged(siamese(), files, tmp_path / "half", replace(SETTINGS, precision="bf16"))
    full = judged(siamese(), files, tmp_path / "full").pairs.set_index(["photo", "reference", "variant"])
    for row in half.repeats.itertuples():
        assert row.forward == pytest.approx(full.loc[(row.photo, "original", row.variant), "forward"], abs=1e-5)
    again = repeatability([half], {"m": "m"})["m"]["second_look"]
    assert (again["precision_before"], again["precision"]) == ("bf16", "fp32")
    assert 1e-5 < again["largest_change"] < 0.05


def test_two_runs_of_one_model_are_held_against_each_other(files, tmp_path):
    first = judged(Steady(), files, tmp_path / "a")
    second = judged(Steady(), files[1:], tmp_path / "b")
    second.pairs.loc[second.pairs["variant"] == "blur/2.0", "forward"] += 0.5
    again = repeatability([first, second], {"m": "m"})["m"]
    assert again["other_runs"]["pairs"] == 2 * len(VARIANTS)
    assert again["other_runs"]["largest_change"] == pytest.approx(0.25)


def test_a_photo_that_is_judged_anew_is_asked_again_anew(files, tmp_path):
    run_ = judged(Steady(), files, tmp_path / "a")
    assert run_.repeats["photo"].nunique() == 1
    with closing(Store(tmp_path / "a", run_.identity, {}, [])) as store:
        for photo, pairs in answers(Steady(), files, VARIANTS, SETTINGS):
            store.write(photo, pairs)
        assert store.repeated() == set()


def test_a_run_says_how_far_its_model_repeats_itself(folder: Path, tmp_path: Path) -> None:
    common = ("model=siamese", *TINY, "model.checkpoint=untrained", "data=folder", f"data.root={folder}")
    outcome = run("bench", *common, "engine.workers=0", "degradation=blur", f"out={tmp_path / 'a'}")
    assert outcome.exit_code == 0, outcome.err
    repeats = read_store(tmp_path / "a" / FILE_NAME).repeats
    assert len(repeats) == 4 + 2
    assert np.isfinite(repeats["forward"]).all()
