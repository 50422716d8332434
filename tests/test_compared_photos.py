"""Pictures of the photos on which models disagree: made when a sweep is merged, and kept for later reports."""

import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from fixtures.command_line import TINY, run
from fixtures.photos import noisy_gradient
from iqbench.results.comparison_pictures import FILE_NAME, read_comparison_pictures
from iqbench.results.summary import read_summary


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(4):
        Image.fromarray(noisy_gradient(60 + number, 80, seed=number) // (3 + number) + 60).save(root / f"{number}.png")
    return root


def sweep(photos: Path, out: Path, *more: object) -> tuple[object, ...]:
    common = ("engine.workers=0", "data=folder", f"data.root={photos}", "degradation=exposure")
    return ("bench", "-m", "model=contrast,sharpness", *common, f"out={out}", *more)


def keys(out: Path) -> set[tuple[str, str, str]]:
    """Return the keys of the pictures that the summary names."""
    summary = json.loads((out / "summary.json").read_text())
    return {
        (pair.get("original_sha256", pair["sha256"]), pair["sha256"], f"{pair['degradation_type']}/{pair['level']}")
        for models in summary["agreement"]
        for pair in models["disagreements"] + models["gmad"]
    }


def pictures_in_agreement(out: Path) -> int:
    page = (out / "report.html").read_text()
    section = page.split('<h2 id="agreement">')[1].split("<h2")[0]
    return len(re.findall('<img src="data:image/jpeg', section))


@pytest.mark.slow
def test_a_sweep_shows_the_pairs_and_a_report_keeps_them_when_the_photos_are_gone(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = run(*sweep(photos, out))
    assert outcome.exit_code == 0, outcome.err
    assert read_comparison_pictures(out).keys() == keys(out) != set()
    assert pictures_in_agreement(out) == 4 * len(keys(out))
    page, pictures = (out / "report.html").read_bytes(), (out / FILE_NAME).read_bytes()
    shutil.rmtree(photos)
    assert run("report", out).exit_code == 0
    assert (out / "report.html").read_bytes() == page
    assert (out / FILE_NAME).read_bytes() == pictures


@pytest.mark.slow
def test_the_pictures_are_verified_and_a_report_does_without_them(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(*sweep(photos, out)).exit_code == 0
    assert run("verify", out).exit_code == 0
    assert run("report", out, "--out", tmp_path / "elsewhere").exit_code == 0
    assert (tmp_path / "elsewhere" / FILE_NAME).read_bytes() == (out / FILE_NAME).read_bytes()
    (out / FILE_NAME).unlink()
    assert run("verify", out).exit_code == 6
    assert run("report", out).exit_code == 0  # captions without pictures
    assert pictures_in_agreement(out) == 0
    assert "No picture stored." in (out / "report.html").read_text()


@pytest.mark.slow
def test_without_a_gallery_no_picture_is_made(photos: Path, tmp_path: Path) -> None:
    assert run(*sweep(photos, tmp_path / "out", "gallery=0")).exit_code == 0
    assert not (tmp_path / "out" / FILE_NAME).exists()
    assert pictures_in_agreement(tmp_path / "out") == 0
    assert keys(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("harm", ["no config", "damaged config", "photos that vanish"])
def test_a_sweep_whose_photos_cannot_be_found_is_reported_without_pictures(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    import iqbench.bench as bench

    merge = bench.merge

    def harmed(root: Path, failed: object, sources: list[Path]) -> object:
        for source in sources:
            config = source / ".hydra" / "config.yaml"
            if harm == "no config":
                config.unlink()
            elif harm == "damaged config":
                config.write_text("{[")
        if harm == "photos that vanish":
            shutil.rmtree(photos)
        return merge(root, failed, sources)  # type: ignore[arg-type]

    monkeypatch.setattr(bench, "merge", harmed)
    outcome = run(*sweep(photos, tmp_path / "out"))
    assert outcome.exit_code == 0, outcome.err
    assert "no pictures from its photos" in outcome.err
    assert pictures_in_agreement(tmp_path / "out") == 0


@pytest.mark.slow
def test_a_sweep_in_shards_ends_with_the_bytes_of_one_without(photos: Path, tmp_path: Path) -> None:
    network = ("model.checkpoint=untrained", "engine.workers=0", "data=folder", f"data.root={photos}")
    for name, more in (("whole", ()), ("shards", ("shard=0,1", "shards=2"))):
        for seed in (1, 2):
            place = f"out={tmp_path / name / str(seed)}"
            models = ("-m", "model=siamese", *TINY, *network, f"seed={seed}", f"name=s{seed}", "degradation=blur")
            outcome = run("bench", *models, *more, place)
            assert outcome.exit_code == 0, outcome.err
        jobs = sorted((tmp_path / name).glob("*/*_siamese_*"))
        assert run("report", *jobs, "--out", tmp_path / f"{name} together").exit_code == 0
    first, second = (tmp_path / f"{name} together" for name in ("whole", "shards"))
    assert (first / "summary.json").read_bytes() == (second / "summary.json").read_bytes()
    steps = read_summary(first).models["s1"].p_test["blur"]
    assert [(step.n, step.photos, step.sampled) for step in steps] == [(12, 4, True)] * 4
