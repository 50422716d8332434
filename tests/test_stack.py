"""Ensembles from end to end: benchmark the members, fit, judge on other photos."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import iqbench
from fixtures.command_line import Outcome, run
from iqbench.errors import UsageError
from iqbench.results.summary import read_summary

MEMBERS = '''
import cv2


def detail(photo):
    """Sees blur: the energy of the details relative to the contrast, whatever the exposure."""
    grey = photo.astype("float32").mean(axis=2)
    return cv2.Laplacian(grey, cv2.CV_32F).var() / max(1.0, grey.var())


def exposure(photo):
    """Sees exposure: how near the mean is to mid-grey, in whole grey levels, whatever the blur."""
    return -round(abs(float(photo.mean()) - 120.0))


def liar(photo):
    return -exposure(photo) - 0.01 * detail(photo)
'''

pytestmark = pytest.mark.slow


def textured(seed: int) -> np.ndarray:
    """Return a photo of mid-grey texture."""
    random = np.random.default_rng(seed)
    coarse = np.kron(random.normal(0, 18, (6, 8)), np.ones((8, 8)))
    grey = 120 + coarse - coarse.mean() + random.normal(0, 6, (48, 64))
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def a_folder_of(photos: int, first: int, folder: Path) -> Path:
    folder.mkdir()
    for seed in range(first, first + photos):
        Image.fromarray(textured(seed)).save(folder / f"{seed}.png")
    return folder


class Place:
    """A folder with the members' code, photos for a fit and other photos, and the members' results on the first."""

    def __init__(self, root: Path) -> None:
        self.root, self.code = root, root / f"members_{root.name}.py"  # a worker may make this place twice
        self.code.write_text(MEMBERS, encoding="utf-8")
        self.fitting, self.others = a_folder_of(24, 0, root / "fitting"), a_folder_of(20, 100, root / "others")
        self.results = root / "results"
        for name in ("detail", "exposure"):
            self.bench(name, self.fitting, self.results / name)
        self.file = root / "ensemble.json"
        self.outcome = run("stack", self.results, "--out", self.file)

    def bench(self, name: str, photos: Path, out: Path) -> None:
        suite = "degradation=[blur,exposure]"
        model = ("model=function", f"model.target={self.code}:{name}", f"name={name}")
        self.run(*model, f"data.root={photos}", f"out={out}", suite)

    def judge(self, out: Path, *settings: str, photos: Path | None = None) -> None:
        model = ("model=ensemble", f"model.file={self.file}", "model.trust_code=true")
        self.run(*model, f"data.root={photos or self.others}", f"out={out}", "degradation=[blur,exposure]", *settings)

    @staticmethod
    def run(*settings: str) -> Outcome:
        outcome = run("bench", *settings, "data=folder", "engine.workers=0", "gallery=0")
        assert outcome.exit_code == 0, outcome.err
        return outcome


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("stack"))


def pairs_of(folder: Path) -> pd.DataFrame:
    with sqlite3.connect(folder / "results.sqlite") as database:
        pairs = pd.read_sql(
            "SELECT photo, variant, forward, backward FROM pairs WHERE reference = 'original'", database
        )
    pairs["margin"] = (pairs["forward"] - pairs["backward"]) / 2
    return pairs.set_index(["photo", "variant"])["margin"].sort_index()


def test_the_fit_prints_accuracies_on_other_photos_weights_and_whom_the_router_listens_to(place: Place) -> None:
    out = place.outcome.out
    assert place.outcome.exit_code == 0, place.outcome.err
    assert "2 members on 24 photos, 192 pairs. Below, each photo is judged by a fit on other photos." in out
    assert "stacking against its best member" in out
    assert "which excludes 0" in out
    rows = [line.split() for line in out.split("router listens to, in %")[1].splitlines() if line.split()]
    listened = {row[0]: row[1:] for row in rows}
    assert float(listened["blur"][0]) > 75  # to detail, the first member
    assert float(listened["exposure"][1]) > 75
    assert "model=ensemble" in out.splitlines()[-1]
    assert "model.trust_code=true" in out.splitlines()[-1]


def test_the_ensemble_is_above_its_best_member_on_other_photos_and_the_report_says_so(place: Place) -> None:
    out = place.root / "judged"
    for name in ("detail", "exposure"):
        place.bench(name, place.others, out / name)
    for variant in ("stacking", "router"):
        place.judge(out / variant, f"model.variant={variant}", f"name={variant}")
    merged = run("report", out, "--out", place.root / "merged")
    summary = read_summary(place.root / "merged")
    best = max(summary.models[name].overall.value or 0 for name in ("detail", "exposure"))
    assert best < 0.9
    takeaways = (place.root / "merged" / "KEY_TAKEAWAYS.md").read_text(encoding="utf-8")
    for variant in ("stacking", "router"):
        assert (summary.models[variant].overall.value or 0) > best + 0.05
        assert summary.models[variant].ensemble is not None
        sentence = f"{variant} is above its best member "
        assert sentence in merged.out
        assert sentence in takeaways
        assert sentence in (place.root / "merged" / "report.html").read_text(encoding="utf-8")


def test_its_margins_are_the_weighted_margins_that_are_stored_of_its_members(place: Place) -> None:
    out = place.root / "by_hand"
    for name in ("detail", "exposure"):
        place.bench(name, place.others, out / name)
    place.judge(out / "ensemble")
    weights = json.loads(place.file.read_text())["stacking"]["weights"]
    by_hand = sum(weight * pairs_of(out / name) for weight, name in zip(weights, ("detail", "exposure"), strict=True))
    assert weights[0] > 0
    assert weights[1] > 0
    assert np.allclose(pairs_of(out / "ensemble"), by_hand, rtol=1e-9, atol=1e-9)


def test_the_photos_of_the_fit_count_as_seen_in_training(place: Place) -> None:
    place.judge(place.root / "seen", photos=place.fitting)
    model = read_summary(place.root / "seen").models["ensemble"]
    assert model.photos_seen_in_training == 24
    assert model.trained_on == "the weights of detail, exposure on 24 photos and their degraded copies"
    assert "is not held out: it was trained on 24 of these photos" in run("report", place.root / "seen").out
    place.judge(place.root / "unseen")
    assert read_summary(place.root / "unseen").models["ensemble"].photos_seen_in_training == 0


def test_in_python_a_router_says_whom_it_listened_to(place: Place) -> None:
    settings = {"_target_": "iqbench.models.ensemble.ensemble_model", "file": str(place.file)}
    router = iqbench.load(settings | {"variant": "router", "trust_code": True}, device="cpu")
    photo = textured(200)
    dark = photo // 2
    assert router.compare(photo, dark).member == "exposure"
    assert (
        router.compare(photo, np.asarray(Image.fromarray(photo).resize((16, 12)).resize((64, 48)))).member == "detail"
    )
    (swapped,) = router.compare([dark], [photo])
    assert swapped.member == "exposure"
    assert swapped.margin == -router.compare(photo, dark).margin
    stacking = iqbench.load(settings | {"variant": "stacking", "trust_code": True}, device="cpu")
    assert stacking.compare(photo, dark).member is None
    assert stacking.score(photo) > stacking.score(dark)
    with pytest.raises(UsageError, match=r"set model\.trust_code=true"):
        iqbench.load(place.file)


def test_members_can_be_chosen_and_unknown_ones_are_named(place: Place) -> None:
    outcome = run("stack", place.results, "--out", place.root / "no.json", "--members", "detail", "sharp")
    assert outcome.exit_code == 2
    assert "--members sharp: not among the models there" in outcome.last_line
    outcome = run("stack", place.results, "--out", place.root / "no.json", "--members", "detail")
    assert "an ensemble needs two members or more, and here is detail" in outcome.last_line
    assert not (place.root / "no.json").exists()


def test_photos_that_a_member_was_trained_on_are_left_out(place: Place, tmp_path: Path) -> None:
    results = shutil.copytree(place.results, tmp_path / "results")
    seen = "UPDATE photos SET seen_in_training = 1 WHERE name IN (SELECT name FROM photos ORDER BY name LIMIT ?)"
    near = "UPDATE photos SET notes = 'a near-copy of a training photo' WHERE name = (SELECT MAX(name) FROM photos)"
    with sqlite3.connect(results / "detail" / "results.sqlite") as database:
        database.execute(seen, [3])
    with sqlite3.connect(results / "exposure" / "results.sqlite") as database:
        database.execute(near)
    outcome = run("stack", results, "--out", tmp_path / "e.json")
    assert "on 20 photos, 160 pairs; 4 photos left out, since a member was trained on them." in outcome.out
    assert len(json.loads((tmp_path / "e.json").read_text())["fitted_on"]["photos"]) == 20
    kept = run("stack", results, "--out", tmp_path / "e.json", "--keep-seen")
    assert "on 24 photos, 192 pairs. Below" in kept.out
    with sqlite3.connect(results / "detail" / "results.sqlite") as database:
        database.execute(seen, [4])
    refused = run("stack", results, "--out", tmp_path / "e.json")
    assert refused.exit_code == 2
    assert "19 independent photos, and a fit needs 20 or more; 5 more are left out" in refused.last_line


def test_a_member_whose_code_has_changed_since_it_was_judged_is_refused(place: Place, tmp_path: Path) -> None:
    before = place.code.read_text(encoding="utf-8")
    place.code.write_text(before + "\nTHRESHOLD = 1\n", encoding="utf-8")
    try:
        outcome = run("stack", place.results, "--out", tmp_path / "e.json")
    finally:
        place.code.write_text(before, encoding="utf-8")
    assert outcome.exit_code == 2
    assert "member detail: is another model now" in outcome.last_line
    assert not (tmp_path / "e.json").exists()


def test_an_object_of_python_cannot_be_a_member(place: Place, tmp_path: Path) -> None:
    options: dict[str, Any] = {"suite": ["blur"], "gallery": 0, "progress": False, "workers": 0}
    models = {"one": lambda photo: photo.std(), "two": lambda photo: photo.mean()}
    iqbench.benchmark(models, photos=place.fitting, out=tmp_path / "python", **options)
    outcome = run("stack", tmp_path / "python", "--out", tmp_path / "e.json")
    assert outcome.exit_code == 2
    assert "one: an object of Python, which no file can build again" in outcome.last_line


def test_another_file_is_not_replaced(place: Place, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text("{}")
    outcome = run("stack", place.results, "--out", tmp_path / "summary.json")
    assert outcome.exit_code == 2
    assert "summary.json: no ensemble that iqbench.stack has written" in outcome.last_line
    assert (tmp_path / "summary.json").read_text() == "{}"


def test_an_ensemble_can_be_a_member_and_a_sweep_takes_it_from_the_environment(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms = (f"data.root={place.fitting}", "degradation=[blur,exposure]")
    Place.run("-m", "model=sharpness,contrast", *terms, f"out={tmp_path / 'members'}")
    assert run("stack", tmp_path / "members", "--out", tmp_path / "e.json").exit_code == 0
    monkeypatch.setenv("IQBENCH_ENSEMBLE", str(tmp_path / "e.json"))
    others = (f"data.root={place.others}", "degradation=[blur,exposure]")
    Place.run("-m", "model=ensemble,sharpness,contrast", *others, f"out={tmp_path / 'judged'}")
    facts = read_summary(tmp_path / "judged").models["ensemble"].ensemble
    assert facts is not None
    assert facts.judged == {"sharpness": "sharpness", "contrast": "contrast"}
    assert "ensemble is " in (tmp_path / "judged" / "KEY_TAKEAWAYS.md").read_text(encoding="utf-8")
