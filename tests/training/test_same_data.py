"""A training resumes only with the data that it began with: contents and splits decide, not paths."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fixtures.command_line import TINY, Outcome, run
from iqbench.datasets.contents import contents_of
from iqbench.interfaces import PhotoFile
from iqbench.labels import PairTable, VoteTable

SHORT = (
    "model=siamese",
    *TINY,
    "model.size=32",
    "trainer=cpu",
    "examples.workers=0",
    "callbacks=[checkpoints]",
    "logger=none",
    "print_config=false",
)


def photo(path: Path, seed: int) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(path)


def write_pairs(root: Path, count: int, first: int = 0) -> None:
    """Write pairs of two photos each, a series each, and append them to the list."""
    root.mkdir(exist_ok=True)
    lines = [] if (root / "list.csv").exists() else ["better,worse"]
    for number in range(first, first + count):
        for side, name in enumerate("ab"):
            photo(root / f"{number}{name}.png", 2 * number + side)
        lines.append(f"{number}a.png,{number}b.png")
    with (root / "list.csv").open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def train(source: Path, out: Path, *options: str, epochs: int = 1) -> Outcome:
    data = ("data=pairs", f"data.file={source / 'list.csv'}") if (source / "list.csv").exists() else ("data=folder",)
    data += (f"data.cache={source.parent / 'cache'}",) if data[0] == "data=pairs" else (f"data.root={source}",)
    more = () if data[0] == "data=pairs" else ("degradation=blur",)
    return run("train", *SHORT, *data, *more, f"trainer.max_epochs={epochs}", f"out={out}", *options)


def append(root: Path) -> None:
    write_pairs(root, 4, first=12)


def replace_photo(root: Path) -> None:
    photo(root / "3a.png", 999)


def flip_label(root: Path) -> None:
    lines = (root / "list.csv").read_text().replace("3a.png,3b.png", "3b.png,3a.png")
    (root / "list.csv").write_text(lines)


def break_photo(root: Path) -> None:
    (root / "3a.png").write_bytes(b"")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (append, "train had 10 examples of 20 photos, now "),
        (replace_photo, "train has as many photos as before, but other or changed ones"),
        (flip_label, "train has the same photos with other labels"),
        (break_photo, "train had 10 examples of 20 photos, now 9 of 18"),
    ],
)
@pytest.mark.parametrize("key", ["out", "ckpt_path"])
def test_a_list_of_pairs_that_changed_is_refused_in_one_line(
    tmp_path: Path, change: Callable[[Path], None], reason: str, key: str
) -> None:
    write_pairs(tmp_path / "set", 12)
    assert train(tmp_path / "set", tmp_path / "out").exit_code == 0
    last = tmp_path / "out" / "checkpoints" / "last.ckpt"
    before = last.read_bytes()
    change(tmp_path / "set")
    options = () if key == "out" else (f"ckpt_path={last}",)
    outcome = train(tmp_path / "set", tmp_path / ("out" if key == "out" else "other"), *options, epochs=2)
    assert outcome.exit_code == 2
    place = f"out={tmp_path / 'out'}" if key == "out" else f"ckpt_path={last}"
    start = f"iqbench.train: {place}: the data set has changed since this training began: "
    assert outcome.last_line.startswith(start)
    assert reason in outcome.last_line
    assert outcome.last_line.endswith(f"where model.checkpoint={last} starts from its weights")
    assert "Traceback" not in outcome.err
    assert last.read_bytes() == before


def add_photo(root: Path) -> None:
    photo(root / "new.png", 77)


def replace_by_another(root: Path) -> None:
    photo(root / "2.png", 78)


def remove(root: Path) -> None:
    (root / "2.png").unlink()


@pytest.mark.slow
@pytest.mark.parametrize("change", [add_photo, replace_by_another, remove])
def test_a_folder_that_changed_is_refused(tmp_path: Path, change: Callable[[Path], None]) -> None:
    (tmp_path / "set").mkdir()
    for number in range(6):
        photo(tmp_path / "set" / f"{number}.png", number)
    assert train(tmp_path / "set", tmp_path / "out").exit_code == 0
    change(tmp_path / "set")
    outcome = train(tmp_path / "set", tmp_path / "out", epochs=2)
    assert outcome.exit_code == 2
    assert "the data set has changed since this training began: " in outcome.last_line


@pytest.mark.slow
def test_other_degradations_or_another_seed_with_ckpt_path_are_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number in range(6):
        photo(tmp_path / "set" / f"{number}.png", number)
    assert train(tmp_path / "set", tmp_path / "out").exit_code == 0
    resume = f"ckpt_path={tmp_path / 'out' / 'checkpoints' / 'last.ckpt'}"
    outcome = train(tmp_path / "set", tmp_path / "a", resume, "degradation.blur.sigma=[9]", epochs=2)
    assert (outcome.exit_code, "the data set has changed" in outcome.last_line) == (2, True)
    outcome = train(tmp_path / "set", tmp_path / "b", resume, "seed=1", epochs=2)
    assert (outcome.exit_code, "other or changed ones" in outcome.last_line) == (2, True)


@pytest.mark.slow
def test_the_same_set_in_another_place_and_in_another_order_resumes(tmp_path: Path) -> None:
    write_pairs(tmp_path / "set", 12)
    assert train(tmp_path / "set", tmp_path / "out").exit_code == 0
    moved = tmp_path / "moved"
    shutil.move(tmp_path / "set", moved)
    head, *lines = (moved / "list.csv").read_text().splitlines()
    (moved / "list.csv").write_text("\n".join([head, *lines[::-1]]) + "\n")
    outcome = train(moved, tmp_path / "out", epochs=2)
    assert outcome.exit_code == 0, outcome.err
    assert "resuming from" in outcome.err


@pytest.mark.slow
def test_an_unrelated_set_may_follow_with_ckpt_path_and_is_said(tmp_path: Path) -> None:
    write_pairs(tmp_path / "a", 12)
    write_pairs(tmp_path / "b", 10, first=50)
    assert train(tmp_path / "a", tmp_path / "out").exit_code == 0
    last = tmp_path / "out" / "checkpoints" / "last.ckpt"
    outcome = train(tmp_path / "b", tmp_path / "more", f"ckpt_path={last}", epochs=2)
    assert outcome.exit_code == 0, outcome.err
    assert f"ckpt_path={last}: goes on with another data set (train had 10 examples of 20 photos" in outcome.err


@pytest.mark.slow
def test_weights_that_have_seen_validation_photos_are_named(tmp_path: Path) -> None:
    write_pairs(tmp_path / "set", 12)
    assert train(tmp_path / "set", tmp_path / "out").exit_code == 0
    weights = f"model.checkpoint={tmp_path / 'out' / 'checkpoints' / 'best.ckpt'}"
    same = train(tmp_path / "set", tmp_path / "same", weights)
    assert (same.exit_code, "NOT HELD OUT" in same.err) == (0, False)
    other = train(tmp_path / "set", tmp_path / "seed", weights, "seed=3")
    assert "VALIDATION IS NOT HELD OUT: 2 of its 2 photos were in the training data of model.checkpoint" in other.err


@pytest.mark.slow
def test_a_checkpoint_that_does_not_know_its_data_resumes(tmp_path: Path) -> None:
    write_pairs(tmp_path / "set", 12)
    assert train(tmp_path / "set", tmp_path / "out").exit_code == 0
    last = tmp_path / "out" / "checkpoints" / "last.ckpt"
    content = torch.load(last, weights_only=True)
    del content["iqbench"]["data"]
    torch.save(content, last)
    outcome = train(tmp_path / "set", tmp_path / "out", epochs=2)
    assert outcome.exit_code == 0, outcome.err
    assert torch.load(last, weights_only=True)["iqbench"]["data"]["train"]["photos"] == 20


def test_contents_do_not_depend_on_names_and_order_but_on_photos_and_labels() -> None:
    def table(names: str, first: list[int], second: list[int], preference: list[float]) -> PairTable:
        photos = tuple(PhotoFile(name, Path(name)) for name in names)
        columns = (np.array(first), np.array(second), np.array(preference))
        return PairTable(photos, *columns, np.ones(len(first)), np.arange(len(first)))

    shas = {"a": "1" * 64, "b": "2" * 64, "c": "3" * 64, "x": "1" * 64, "d": "4" * 64}
    reference = contents_of(table("abc", [0, 1], [1, 2], [0.9, 0.2]), shas)
    assert (len(reference.photos), reference.examples) == (3, 2)
    assert contents_of(table("cbx", [1, 0], [2, 1], [0.1, 0.8]), shas) == reference  # renamed, reordered, swapped
    assert contents_of(table("abc", [0, 1], [1, 2], [0.9, 0.3]), shas).labels != reference.labels
    assert contents_of(table("abc", [0, 0], [1, 2], [0.9, 0.2]), shas).labels != reference.labels
    assert contents_of(table("abd", [0, 1], [1, 2], [0.9, 0.2]), shas).photos != reference.photos
    votes = np.eye(10, dtype=int)[[3, 5]]
    photos = tuple(PhotoFile(name, Path(name)) for name in "ab")
    rated = contents_of(VoteTable(photos, votes), shas)
    assert contents_of(VoteTable(photos[::-1], votes[::-1]), shas) == rated
    assert contents_of(VoteTable(photos, votes[::-1]), shas).labels != rated.labels
