"""Ranking photos, from the command line and from Python."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import ExifTags, Image

import iqbench
from fixtures.command_line import run
from fixtures.photos import noisy_gradient
from iqbench.culling import examine
from iqbench.culling.sidecars import NEW, rating_in
from iqbench.errors import UsageError

FAST = ("model=sharpness", "engine.workers=0", "subject.segmenter=centre")


def scene(seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((160, 120), Image.Resampling.BICUBIC)


def burst(folder: Path, seed: int, start: int) -> None:
    """Write a photo and two softer copies of it, taken within three seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).normal(0, 20, (120, 160, 3))
    sharp = Image.fromarray(np.clip(np.asarray(scene(seed)) + noise, 0, 255).astype(np.uint8))
    for second, side in enumerate((1, 2, 4)):
        soft = sharp.resize((160 // side, 120 // side), Image.Resampling.BOX).resize((160, 120))
        exif = Image.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"2024:05:01 10:{start:02}:{second:02}"
        soft.save(folder / f"{seed}_{'bca'[second]}.jpg", quality=95, exif=exif)


@pytest.fixture
def bursts(tmp_path: Path) -> Path:
    root = tmp_path / "fotos é"
    for seed in range(3):
        burst(root, seed, start=5 * seed)
    return root


def ranking(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "ranking.csv", keep_default_na=False)


def test_a_folder_is_ranked_with_its_series_and_the_page_opens_offline(bursts: Path, tmp_path: Path) -> None:
    outcome = run("rank", bursts, *FAST, f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    rows = ranking(tmp_path / "out")
    assert rows["series_size"].tolist() == [3] * 9
    assert [name[-5] for name in rows["photo"]] == list("bca") * 3
    assert "3 series with 9 photos" in outcome.out
    page = (tmp_path / "out" / "ranking.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/jpeg;base64,') == 9
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert not list(bursts.glob("*.xmp"))


def test_sidecars_are_written_only_when_asked_and_a_rating_is_kept(bursts: Path, tmp_path: Path) -> None:
    rated = bursts / "0_a.jpg.xmp"
    rated.write_text(NEW.format(version="", rating=5), encoding="utf-8")
    before = {path: path.read_bytes() for path in bursts.iterdir()}
    outcome = run("rank", bursts, *FAST, "sidecars=full", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 0, outcome.err
    assert {path: path.read_bytes() for path in before} == before
    written = {path.name: rating_in(path.read_bytes()) for path in bursts.glob("*.xmp")}
    stars = {
        f"{name[2:]}.xmp": int(rating) for name, rating in ranking(tmp_path / "out")[["photo", "stars"]].to_numpy()
    }
    assert written == stars | {rated.name: 5}
    assert "sidecars: 8 written, 1 ratings kept that were there" in outcome.err


def test_photos_that_were_scored_are_not_scored_again_and_changed_ones_are(
    bursts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, asked = examine.read, list[str]()
    monkeypatch.setattr(examine, "read", lambda file, decoding: (asked.append(file.name), read(file, decoding))[1])
    command = ("rank", bursts, *FAST, f"out={tmp_path / 'out'}")
    assert run(*command).exit_code == 0
    assert len(asked) == 9
    page = (tmp_path / "out" / "ranking.html").read_bytes()
    asked.clear()
    outcome = run(*command)
    assert (outcome.exit_code, asked) == (0, [])
    assert "9 of 9 photos were scored before" in outcome.err
    assert (tmp_path / "out" / "ranking.html").read_bytes() == page
    scene(7).save(bursts / "1_a.jpg")
    scene(8).save(bursts / "new.png")
    assert run(*command).exit_code == 0
    assert sorted(asked) == ["./1_a.jpg", "./new.png"]
    other = run("rank", bursts, "model=contrast", *FAST[1:], f"out={tmp_path / 'out'}")
    assert other.exit_code == 2
    assert "holds a ranking that differs in model; choose another out=, or set fresh=true" in other.last_line
    assert run("rank", bursts, "model=contrast", *FAST[1:], "fresh=true", f"out={tmp_path / 'out'}").exit_code == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.slow
def test_a_killed_ranking_is_resumed_to_the_same_bytes(bursts: Path, tmp_path: Path) -> None:
    for seed in range(3, 30):
        burst(bursts, seed, start=seed)
    command = [sys.executable, "-m", "iqbench.rank", str(bursts), "model=iqa", "engine.workers=1"]
    subprocess.run([*command, f"out={tmp_path / 'whole'}"], check=True, capture_output=True)
    store = tmp_path / "killed" / "ranking.sqlite"
    process = subprocess.Popen(
        [*command, f"out={tmp_path / 'killed'}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while process.poll() is None and stored(store) < 20:
        time.sleep(0.005)  # polls another process; nothing depends on how long it takes
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = stored(store)
    assert 20 <= done < 90
    resumed = subprocess.run([*command, f"out={tmp_path / 'killed'}"], check=True, capture_output=True, text=True)
    assert f"{done} of 90 photos were scored before" in resumed.stderr
    for name in ("ranking.csv", "ranking.html"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()


def stored(store: Path) -> int:
    if not store.is_file():
        return 0
    database = sqlite3.connect(f"{store.resolve().as_uri()}?mode=ro", uri=True)
    try:
        return int(database.execute("SELECT COUNT(*) FROM photos").fetchone()[0])
    except sqlite3.OperationalError:  # the tables are being made
        return 0
    finally:
        database.close()


def test_a_photo_that_cannot_be_read_is_listed_and_stops_nothing(bursts: Path, tmp_path: Path) -> None:
    (bursts / "0_b.jpg").write_bytes((bursts / "0_b.jpg").read_bytes()[:2000])
    outcome = run("rank", bursts, *FAST, "sidecars=full", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 3
    assert outcome.last_line.endswith("finished, but rows failed: 1 corrupt; see status and error in ranking.csv")
    assert "not ranked: ./0_b.jpg: corrupt: damaged or cut short" in outcome.out
    assert ranking(tmp_path / "out").iloc[-1][["photo", "status"]].tolist() == ["./0_b.jpg", "corrupt"]
    assert not (bursts / "0_b.jpg.xmp").exists()
    assert run("rank", bursts, *FAST, "max_failures=1", f"out={tmp_path / 'out'}").exit_code == 0


@pytest.mark.parametrize("model", ["iqa", "siamese"])
def test_a_scorer_and_a_model_of_pairs_rank_the_same_photos(bursts: Path, tmp_path: Path, model: str) -> None:
    tiny = ("model.backbone=tiny", "model.weights=none", "model.checkpoint=untrained") if model == "siamese" else ()
    outcome = run("rank", bursts, f"model={model}", *tiny, "engine.workers=0", f"out={tmp_path / model}")
    assert outcome.exit_code == 0, outcome.err
    rows = ranking(tmp_path / model)
    assert sorted(rows["position"].astype(int)) == list(range(1, 10))
    assert rows["score"].astype(float).notna().all()


def test_a_draft_for_a_model_that_looks_at_full_resolution_is_warned_of(bursts: Path, tmp_path: Path) -> None:
    tiny = ("model.backbone=tiny", "model.weights=none", "model.checkpoint=untrained", "engine.workers=0")
    for rule, warned in (("multiscale", True), ("standard", False)):
        settings = (*tiny, f"model.preprocessing={rule}", "model.size=48", "decoding=draft", f"out={tmp_path / rule}")
        outcome = run("rank", bursts, "model=siamese", *settings)
        assert outcome.exit_code == 0, outcome.err
        assert ("looks at photos in full resolution too" in outcome.err) is warned


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "photos: there are none; give a folder: python -m iqbench.rank DIR"),
        (("nowhere",), "nowhere: no such folder or photo"),
        (("{dir}", "photos={dir}"), "give it within photos=[...], or without a key"),
        (("{dir}", "sidecars=true"), "sidecars=true: must be full"),
        (("{dir}", "decoding=fast"), "decoding=fast: must be full or draft"),
        (("{dir}", "too_close=1"), "too_close=1.0: must be a probability"),
        (("{dir}", "anchors=0"), "anchors=0: must be 1 or more"),
        (("{dir}", "series.gap=-1"), "series.gap=-1: must be 0 seconds or more"),
        (("{dir}", "subject.segmenter=x"), "subject.segmenter=x: must be auto, u2netp, grabcut or centre"),
        (("{dir}", "stars.five=2"), "stars: five=2"),
        (("{dir}", "max_megapixels=0"), "max_megapixels=0.0: must be above 0"),
        (("{dir}", "model=siamse"), "Did you mean 'siamese'?"),
        (("{dir}", "out={dir}"), "is the photos' own folder"),
        (("{dir}", "series.gapp=1"), "Did you mean 'gap'?"),
    ],
)
def test_a_mistake_is_one_line(folder: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    given = [argument.format(dir=folder) for argument in arguments]
    out = [] if any(argument.startswith("out=") for argument in given) else [f"out={tmp_path / 'out'}"]
    outcome = run("rank", *given, "engine.workers=0", *out)
    assert outcome.exit_code == 2
    assert message in outcome.last_line
    assert "Traceback" not in outcome.err


def test_the_call_returns_the_table_of_the_command(bursts: Path, tmp_path: Path) -> None:
    table = iqbench.rank(bursts, "sharpness", workers=0, progress=False, subject={"segmenter": "centre"})
    run("rank", bursts, *FAST, f"out={tmp_path / 'out'}")
    assert table["photo"].tolist() == ranking(tmp_path / "out")["photo"].tolist()
    again = iqbench.rank(sorted(bursts.iterdir()), "sharpness", workers=0, progress=False, out=tmp_path / "call")
    assert again["photo"].tolist() == table["photo"].tolist()
    assert (tmp_path / "call" / "ranking.html").is_file()
    assert not list(bursts.glob("*.xmp"))


def test_the_call_takes_arrays_and_a_function() -> None:
    photos = [np.asarray(scene(seed)) for seed in range(3)] + [noisy_gradient(60, 80)]
    table = iqbench.rank(photos, lambda photo: float(photo.mean()), progress=False)
    order = sorted(range(4), key=lambda at: -photos[at].mean())
    assert table["photo"].tolist() == [f"./picture_{at:04}.png" for at in order]
    assert table["place"].tolist() == [1] * 4


def test_a_wrong_call_is_one_line(folder: Path) -> None:
    with pytest.raises(UsageError, match="sidecar"):
        iqbench.rank(folder, "sharpness", workers=0, progress=False, sidecar="full")
    with pytest.raises(UsageError, match="is no source of photos"):
        iqbench.rank(3, "sharpness")
