"""The cross-photo sample of a model without scores."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image
from torch import Tensor

from fixtures.photos import noisy_gradient
from iqbench import photos
from iqbench.benchmark.cross_pairs import cross_sample, partners
from iqbench.benchmark.cross_sample import SampleEncodings, score_cross_sample
from iqbench.benchmark.pairs import score_pairs
from iqbench.benchmark.task import BenchmarkTask
from iqbench.degradations.blur import blur_ladder
from iqbench.degradations.control import controls
from iqbench.degradations.ladder import suite
from iqbench.hash_sampling import digest
from iqbench.inference.engine_config import EngineConfig
from iqbench.interfaces import Photo, PhotoFile, Scorer
from iqbench.results.reader import Run, read_store
from iqbench.results.schema import FILE_NAME, PhotoRow, VariantRow
from iqbench.results.store import Store

ENGINE = EngineConfig.for_api("cpu", batch_size=8, workers=0)
VARIANTS = suite({"blur": blur_ladder([1, 2])}) + controls()


class Comparing:
    """Compares the contrast of two photos, and likes the first one a bit more; counts what it encodes."""

    def __init__(self) -> None:
        self.encoded = 0

    def prepare(self, photo: Photo) -> Tensor:
        return torch.tensor([photo.std(), photo.mean()], dtype=torch.float64)

    def encode(self, inputs: Tensor) -> Tensor:
        self.encoded += len(inputs)
        return inputs

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        return first[:, 0] - second[:, 0] + 0.1


class Scoring(Scorer):
    def prepare(self, photo: Photo) -> Tensor:
        return torch.tensor([photo.std()], dtype=torch.float64)

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs


@pytest.fixture
def five(tmp_path: Path) -> list[PhotoFile]:
    (tmp_path / "photos").mkdir()
    for at in range(5):
        Image.fromarray(noisy_gradient(40 + at, 50, seed=at)).save(tmp_path / "photos" / f"{at}.png")
    return [PhotoFile(f"./{at}.png", tmp_path / "photos" / f"{at}.png") for at in range(5)]


def judged(
    folder: Path,
    files: Sequence[PhotoFile],
    source: Sequence[PhotoFile] | None = None,
    model: object = None,
    variants: object = VARIANTS,
    keep: bool = True,
) -> Run:
    """Return a run as bench makes it, with its cross-photo sample; without ``keep`` as a killed one goes on."""
    folder.mkdir(exist_ok=True)
    protocol = {"name": "standard", "orders": "both", "tie_worth": 0.5, "tie_margin": 1e-6}
    identity = {"photos": [file.name for file in files], "model_fingerprint": "m", "model_name": "m"}
    identity |= {"protocol": protocol, "variants": {variant.key: "0" for variant in variants}}
    rows = [VariantRow.of(position, variant, "0") for position, variant in enumerate(variants)]
    task = BenchmarkTask(model or Comparing(), files, variants, ENGINE)
    with closing(Store(folder, identity, {"model_type": "m"}, rows)) as store:
        sample = SampleEncodings.of(task, source or files)
        for photo in score_pairs(task.with_files(store.unfinished(files))):
            store.write(PhotoRow.of(photo.record, seen_in_training=False), photo.pairs)
            if keep:
                sample.keep(photo)
        score_cross_sample(store, task, sample)
    return read_store(folder / FILE_NAME)


def keys(rows: pd.DataFrame) -> set[tuple[str, ...]]:
    return set(rows[["photo", "original", "variant"]].itertuples(index=False, name=None))


def test_originals_are_compared_with_copies_of_other_photos_in_both_orders(five, tmp_path: Path) -> None:
    rows = judged(tmp_path / "run", five).cross_pairs
    assert len(rows) == 5 * 4 * 2  # controls are not compared
    pixels = {file.name: photos.read(file.path).pixels for file in five}
    blurred = {variant.key: variant.apply for variant in VARIANTS}
    for row in rows.itertuples():
        gap = pixels[row.original].std() - blurred[row.variant](pixels[row.photo]).std()
        assert (row.forward, row.backward) == (pytest.approx(gap + 0.1), pytest.approx(0.1 - gap))
        assert row.original_sha256 == photos.sha256_of(next(f.path for f in five if f.name == row.original))


def test_a_model_with_scores_needs_no_sample(five, tmp_path: Path) -> None:
    assert judged(tmp_path / "run", five, model=Scoring()).cross_pairs.empty


def test_encodings_are_kept_and_a_killed_run_makes_them_again(five, tmp_path: Path) -> None:
    kept, again = Comparing(), Comparing()
    rows = judged(tmp_path / "kept", five, model=kept).cross_pairs
    assert kept.encoded == 5 * 5  # five pictures of each photo, once
    assert judged(tmp_path / "killed", five, model=again, keep=False).cross_pairs.equals(rows)
    assert again.encoded == 2 * kept.encoded
    through = Comparing()
    assert judged(tmp_path / "killed", five, model=through).cross_pairs.equals(rows)
    assert through.encoded == 0


def test_shards_hold_the_pairs_of_one_run(five, tmp_path: Path) -> None:
    whole = judged(tmp_path / "whole", five).cross_pairs
    parts = [judged(tmp_path / str(at), five[at::2], source=five).cross_pairs for at in range(2)]
    both = pd.concat(parts).sort_values(["photo", "original", "variant"], ignore_index=True)
    pd.testing.assert_frame_equal(both, whole)


def test_added_photos_and_levels_end_as_one_run(five, tmp_path: Path) -> None:
    judged(tmp_path / "grown", five[:3], variants=suite({"blur": blur_ladder([1])}) + controls())
    whole = judged(tmp_path / "whole", five).cross_pairs
    assert judged(tmp_path / "grown", five).cross_pairs.equals(whole)


def test_pairs_that_are_no_longer_in_the_sample_are_deleted(five, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("iqbench.benchmark.cross_pairs.SAMPLE_SIZE", 3)
    last = sorted(five, key=lambda file: digest(file.name))[2:]
    few = judged(tmp_path / "run", last).cross_pairs
    rows = judged(tmp_path / "run", five).cross_pairs
    sample = cross_sample([file.name for file in five])
    assert keys(rows) == {(*pair, f"blur/{level}") for pair in partners(sample) for level in ("1.0", "2.0")}
    assert len(few) == len(rows)
    assert keys(few).isdisjoint(keys(rows))


def test_a_photo_that_changes_is_compared_anew(five, tmp_path: Path) -> None:
    before = judged(tmp_path / "run", five).cross_pairs
    Image.fromarray(noisy_gradient(60, 60, seed=9)).save(five[0].path)
    after = judged(tmp_path / "run", five).cross_pairs
    assert after.equals(judged(tmp_path / "whole", five).cross_pairs)
    same = (before["photo"] != five[0].name) & (before["original"] != five[0].name)
    assert (before["forward"] == after["forward"])[same].all()
    assert (before["forward"] != after["forward"])[~same].all()


def test_a_photo_of_another_shard_that_changes_is_compared_anew(five, tmp_path: Path) -> None:
    own, other = five[:4], five[4]
    before = judged(tmp_path / "run", own, source=five).cross_pairs
    Image.fromarray(noisy_gradient(60, 60, seed=9)).save(other.path)
    after = judged(tmp_path / "run", own, source=five).cross_pairs
    assert keys(before) == keys(after)
    assert ((before["forward"] != after["forward"]) == (before["original"] == other.name)).all()


@pytest.mark.parametrize("harm", ["gone", "broken", "changed after it was scored"])
def test_a_photo_without_an_answer_leaves_holes(five, tmp_path: Path, monkeypatch, harm: str) -> None:
    if harm == "gone":
        five[1].path.unlink()
    elif harm == "broken":
        five[1].path.write_bytes(b"\x89PNG and no more")
    else:
        real = Store.readable_photos

        def changed(store: Store) -> dict[str, str]:
            five[1].path.write_bytes(five[0].path.read_bytes())
            return real(store)

        monkeypatch.setattr(Store, "readable_photos", changed)
    rows = judged(tmp_path / "run", five).cross_pairs
    assert len(rows) == 4 * 3 * 2
    assert five[1].name not in {*rows["photo"], *rows["original"]}


class Refusing(Comparing):
    """Gives no margin about dark photos that come second, and no number about the smallest photo."""

    def prepare(self, photo: Photo) -> Tensor:
        return super().prepare(photo) * (float("nan") if photo.shape[0] == 40 else 1)

    def margin(self, first: Tensor, second: Tensor) -> Tensor:
        if bool((first[:, 1] > second[:, 1] + 20).any()):
            raise ValueError("too different")
        return super().margin(first, second)


def test_a_pair_without_an_answer_leaves_a_hole(five, tmp_path: Path) -> None:
    Image.fromarray(noisy_gradient(41, 50, seed=1) // 2).save(five[1].path)
    rows = judged(tmp_path / "run", five, model=Refusing()).cross_pairs
    assert five[0].name not in {*rows["photo"], *rows["original"]}
    refused = (rows["photo"] == five[1].name) | (rows["original"] == five[1].name)
    assert len(rows) == 3 * 2 * 2
    assert not refused.any()


def test_the_engine_of_the_run_is_used(five, tmp_path: Path) -> None:
    task = BenchmarkTask(Comparing(), five, VARIANTS, replace(ENGINE, workers=2))
    sample = SampleEncodings.of(task, five)
    assert [file.name for file in sample.files] == cross_sample([file.name for file in five])
    for photo in score_pairs(task):
        sample.keep(photo)
    assert all(len(encoded.encodings.rows) == 1 + len(VARIANTS) for encoded in sample.by_name.values())
