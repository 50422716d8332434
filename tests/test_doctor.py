"""The label doctor from the command line: sound labels pass, and each fault is made on purpose once."""

import json
import os
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from fixtures import command_line as cli
from fixtures.labelled_sets import pair_lines, write_ava, write_csv, write_pairs, write_phototriage
from iqbench.datasets.phototriage import PhotoTriage
from iqbench.label_audit import phototriage

SOUND = "no fault found in the labels"


@pytest.fixture
def doctor(tmp_path, monkeypatch):
    """Run the doctor, and return how it ended and what it wrote."""
    monkeypatch.setenv("IQBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    runs = iter(range(100))

    def run(*arguments):
        out = tmp_path / f"out {next(runs)}"
        outcome = cli.run("doctor", *arguments, f"out={out}")
        return outcome, strict_json(out / "doctor.json")

    return run


def strict_json(file):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(file.read_text(), parse_constant=refuse) if file.exists() else None


def last_line(outcome):
    return outcome.out.rstrip().splitlines()[-1]


def lines(outcome, severity):
    return [line[8:] for line in outcome.out.splitlines() if line.startswith(f"{severity:<8}")]


def refusal(outcome):
    """The one line that a refused run ends with, after its report was printed."""
    assert outcome.exit_code == 2
    assert "Traceback" not in outcome.err
    assert " train " in outcome.out
    assert SOUND not in outcome.out
    start = "iqbench.doctor: refused: "
    assert outcome.last_line.startswith(start)
    return outcome.last_line.removeprefix(start)


def test_sound_phototriage(doctor, tmp_path):
    write_phototriage(tmp_path, series=20, photos_per_series=3, reviews=True)
    outcome, audit = doctor(f"data.root={tmp_path}")
    assert outcome.exit_code == 0
    assert last_line(outcome) == SOUND
    assert f"results: {tmp_path}" in outcome.err
    assert audit["data"] == "PhotoTriage"
    assert audit["refused"] == []
    assert audit["warnings"] == 0
    assert {split: facts["labels"] for split, facts in audit["splits"].items()} == {"train": 54, "val": 12, "test": 6}
    assert audit["splits"]["train"]["sharpness"]["n"] == 54
    (reviews,) = (finding for finding in audit["findings"] if finding["about"] == "reviews")
    assert "at chance, because photo numbers inside the reviews are shuffled; they are not used" in reviews["text"]
    assert f"note    {reviews['text']}" in outcome.out


def test_published_counts_are_told_apart(doctor, tmp_path, monkeypatch):
    write_phototriage(tmp_path)
    monkeypatch.setattr(phototriage, "PUBLISHED", {"train": (12, 36, 36), "val": (9, 20, 20)})
    outcome, _ = doctor(f"data.root={tmp_path}", "sample=0")
    assert "train_pairlist.txt: 12 series, 36 pairs, 36 photos, as published" in lines(outcome, "ok")
    expected = (
        "val_pairlist.txt: 4 series, 12 pairs, 12 photos; differs from the published 9 series, 20 pairs, 20 photos"
    )
    assert lines(outcome, "warning") == [expected]
    assert last_line(outcome) == f"{SOUND}; 1 warning above"


def test_sound_ava(doctor, tmp_path):
    write_ava(tmp_path)
    outcome, audit = doctor("data=ava", f"data.root={tmp_path}")
    assert outcome.exit_code == 0
    assert last_line(outcome) == SOUND
    assert audit["splits"]["train"]["kind"] == "votes"
    assert audit["splits"]["train"]["sharpness"]["measure"] == "srcc"
    assert audit["splits"]["test"]["votes_per_photo"] == {"mean": 200.0, "least": 200, "most": 200}


def test_columns_of_ava_read_off_by_one_are_a_warning(doctor, tmp_path):
    write_ava(tmp_path, photos=50)
    rows = [line.split() for line in (tmp_path / "AVA.txt").read_text().splitlines()]
    shifted = [[*row[:2], "0", *row[2:10], str(int(row[10]) + int(row[11])), *row[12:]] for row in rows]
    (tmp_path / "AVA.txt").write_text("".join(" ".join(row) + "\n" for row in shifted))
    outcome, _ = doctor("data=ava", f"data.root={tmp_path}", "sample=0")
    (warning,) = lines(outcome, "warning")
    assert warning.endswith("AVA's is 5.38: are the ten columns shifted by one?")
    assert outcome.exit_code == 0


def test_a_sound_list_of_pairs_away_from_phototriage(doctor, tmp_path):
    write_pairs(tmp_path)
    outcome, audit = doctor("data=pairs", f"data.file={tmp_path / 'list.csv'}")
    assert outcome.exit_code == 0
    assert last_line(outcome) == SOUND
    assert not any(finding["about"] in ("reference", "reviews", "published counts") for finding in audit["findings"])


def rows_of(root):
    """The rows of both pair lists, as numbers."""
    lists = [root / "train_val" / name for name in ("train_pairlist.txt", "val_pairlist.txt")]
    for line in "".join(file.read_text() for file in lists).splitlines():
        series, first, second, ratio, rank, other_rank = line.split()
        yield int(series), int(first), int(second), float(ratio), int(rank), int(other_rank)


def write_list(root, labels):
    """A list beside the photos of PhotoTriage, from series, winner and loser."""
    name = "train_val_imgs/{:06d}-{:02d}.JPG".format
    rows = [[name(series, winner), name(series, loser)] for series, winner, loser in labels]
    write_csv(root / "train_val" / "list.csv", [["better", "worse"], *rows])
    return "data=pairs", f"data.file={root / 'train_val' / 'list.csv'}", "sample=0"


def right_labels(root):
    return [(s, first, second) if ratio > 0.5 else (s, second, first) for s, first, second, ratio, *_ in rows_of(root)]


def test_labels_from_ratio_agree_with_the_list_that_is_found_beside_them(doctor, tmp_path):
    write_phototriage(tmp_path, photos_per_series=4)
    outcome, _ = doctor(*write_list(tmp_path, right_labels(tmp_path)))
    expected = "all 96 labels agree with RATIO in train_pairlist.txt and val_pairlist.txt"
    assert expected in lines(outcome, "ok")
    assert outcome.exit_code == 0


def test_rank_columns_read_as_ids_are_refused(doctor, tmp_path):
    write_phototriage(tmp_path, photos_per_series=4)
    labels = [(series, rank, other) for series, *_, rank, other in rows_of(tmp_path)]
    outcome, audit = doctor(*write_list(tmp_path, labels))
    reason = refusal(outcome)
    start = (
        "rank columns read as ids (they are ranks inside the series, 1 = best): 96 of 96 labels are what that mistake "
    )
    assert reason.startswith(start)
    assert audit["refused"] == [reason]
    assert lines(outcome, "refused") == [reason]


def test_names_joined_to_review_numbers_are_refused(doctor, tmp_path):
    write_phototriage(tmp_path, series=30, photos_per_series=4, reviews=True)
    votes = {}
    for file in sorted((tmp_path / "train_val" / "reviews_trainval" / "reviews_trainval").iterdir()):
        for review in json.loads(file.read_text())["reviews"]:
            left, right = (int(review[f"compareFile{side}"].split("-")[1].split(".")[0]) for side in (1, 2))
            chosen = (left, right) if review["userChoice"] == "LEFT" else (right, left)
            votes[int(file.stem), left, right] = (int(file.stem), *chosen)
    outcome, _ = doctor(*write_list(tmp_path, votes.values()))
    reason = refusal(outcome)
    assert reason.startswith("labels agree with train_pairlist.txt and val_pairlist.txt at chance (")
    assert reason.endswith("of 204): names joined to shuffled review numbers? Labels come from the pair lists only")


def test_swapped_labels_are_refused(doctor, tmp_path):
    write_phototriage(tmp_path, photos_per_series=4)
    labels = [(series, loser, winner) for series, winner, loser in right_labels(tmp_path)]
    outcome, _ = doctor(*write_list(tmp_path, labels))
    assert refusal(outcome).startswith("better and worse are swapped: only 0 of 96 labels agree")


def test_labels_that_often_disagree_are_refused(doctor, tmp_path):
    write_phototriage(tmp_path, photos_per_series=4)
    labels = [(s, b, a) if at % 4 == 0 else (s, a, b) for at, (s, a, b) in enumerate(right_labels(tmp_path))]
    outcome, _ = doctor(*write_list(tmp_path, labels))
    assert refusal(outcome).startswith("labels do not agree: only 72 of 96 labels agree with RATIO")


def test_a_reference_can_be_given_for_photos_that_were_copied_elsewhere(doctor, tmp_path):
    write_phototriage(tmp_path, photos_per_series=4)
    folder = tmp_path / "train_val"
    copies = tmp_path / "a" / "b" / "c" / "d" / "e"
    shutil.copytree(folder / "train_val_imgs", copies / "train_val" / "train_val_imgs")
    arguments = write_list(copies, [(series, loser, winner) for series, winner, loser in right_labels(tmp_path)])
    outcome, _ = doctor(*arguments)
    assert outcome.exit_code == 0
    outcome, _ = doctor(*arguments, f"reference={tmp_path}")
    assert refusal(outcome).startswith("better and worse are swapped")
    outcome, audit = doctor(*arguments, "reference=nowhere")
    assert audit is None
    assert (outcome.exit_code, outcome.last_line) == (
        2,
        "iqbench.doctor: reference=nowhere: neither a pair list nor a folder with train_pairlist.txt",
    )


def test_the_parser_refuses_lists_whose_ranks_disagree_before_there_is_a_report(doctor, tmp_path):
    write_phototriage(tmp_path)
    file = tmp_path / "train_val" / "train_pairlist.txt"
    rows = [line.split() for line in file.read_text().splitlines()]
    file.write_text("".join(" ".join([*row[:4], row[5], row[4]]) + "\n" for row in rows))
    outcome, audit = doctor(f"data.root={tmp_path}")
    assert (outcome.exit_code, audit) == (2, None)
    assert "ranks" in outcome.last_line


def test_a_photo_and_a_series_in_two_splits_are_refused(doctor, tmp_path, monkeypatch):
    write_phototriage(tmp_path)
    honest = PhotoTriage.read

    def leaky(self):
        tables = dict(honest(self))
        return tables | {
            "val": tables["train"].where(np.isin(tables["train"].series, np.unique(tables["train"].series)[:3]))
        }

    monkeypatch.setattr(PhotoTriage, "read", leaky)
    outcome, audit = doctor(f"data.root={tmp_path}", "sample=0")
    assert refusal(outcome).startswith("train and val share ")
    assert refusal(outcome).endswith("(and 1 more)")
    photos, series = audit["refused"]
    assert photos.startswith("train and val share 9 photos, such as ./train_val_imgs/")
    assert series.startswith("train and val share 3 series, such as series 1: ")
    assert last_line(outcome) == f"refused {series}"  # the worst findings come last, where one looks first


def test_the_same_bytes_in_two_splits_are_refused_and_in_one_a_warning(doctor, tmp_path):
    write_pairs(tmp_path, series=20)
    for scene in range(1, 20):
        shutil.copy(tmp_path / "scene 0" / "0.jpg", tmp_path / f"scene {scene}" / "0.jpg")
    outcome, _ = doctor("data=pairs", f"data.file={tmp_path / 'list.csv'}", "sample=0")
    assert "under two names (the same bytes), such as " in refusal(outcome)
    assert any(
        line.startswith("train: 15 photos with the same bytes as another, ") for line in lines(outcome, "warning")
    )


def test_contradicted_pairs_and_intransitive_triads_are_warnings(doctor, tmp_path):
    write_pairs(tmp_path, series=40, photos_per_series=4)
    coin = np.random.default_rng(0)
    rows = [
        [f"scene {scene}/{photo}.jpg" for photo in coin.permutation(pair)]
        for scene in range(40)
        for pair in combinations(range(4), 2)
    ]
    rows += [row[::-1] for row in rows[:3]]
    write_csv(tmp_path / "list.csv", [["better", "worse"], *rows])
    outcome, audit = doctor("data=pairs", f"data.file={tmp_path / 'list.csv'}", "sample=0")
    about = {finding["about"] for finding in audit["findings"] if finding["severity"] == "warning"}
    assert about == {"label consistency", "intransitive triads"}
    assert outcome.exit_code == 0


def test_a_constant_answer_that_is_often_right_is_a_warning(doctor, tmp_path):
    write_phototriage(tmp_path)
    best_first = [line for series in range(1, 13) for line in pair_lines(series, [0.9, 0.5, 0.1])]
    (tmp_path / "train_val" / "train_pairlist.txt").write_text("".join(f"{line}\n" for line in best_first))
    outcome, _ = doctor(f"data.root={tmp_path}", "sample=0")
    assert lines(outcome, "warning") == [
        "train: a model that always says `first` gets 100.0 %: print it beside every accuracy"
    ]


def blurrier_when_better(quality, number):
    noise = np.random.default_rng(number).normal(0, 80 * (1 - quality), (40, 48, 3))
    return np.clip(128 + noise, 0, 255).astype(np.uint8)


def test_sharpness_that_disagrees_is_a_warning(doctor, tmp_path):
    write_phototriage(tmp_path, series=40, pixels=blurrier_when_better)
    outcome, audit = doctor(f"data.root={tmp_path}")
    (warning,) = lines(outcome, "warning")
    assert warning.startswith("train: sharpness alone agrees with 0.0 % [0.0, 7.2] of 108 pairs, less than chance: ")
    assert audit["splits"]["train"]["sharpness"]["value"] == 0.0
    assert phototriage.is_named_like([]) is False
    assert "note    on PhotoTriage sharpness alone agrees with 56 %" in outcome.out


def test_a_sample_bounds_what_is_measured(doctor, tmp_path):
    write_phototriage(tmp_path)
    _, audit = doctor(f"data.root={tmp_path}", "sample=7")
    assert [split["sharpness"]["n"] for split in audit["splits"].values()] == [7, 7, 3]
    outcome, audit = doctor(f"data.root={tmp_path}", "sample=0")
    assert [split["sharpness"] for split in audit["splits"].values()] == [None] * 3
    assert "sharpness" not in outcome.out


def test_photos_that_cannot_be_used_are_counted_and_cost_their_labels(doctor, tmp_path):
    write_phototriage(tmp_path)
    photos = sorted((tmp_path / "train_val" / "train_val_imgs").iterdir())
    photos[0].write_bytes(b"")
    photos[5].unlink()
    outcome, audit = doctor(f"data.root={tmp_path}")
    assert outcome.exit_code == 0
    splits = audit["splits"].values()
    assert sum(split["labels_lost"] for split in splits) == 4
    assert {code: n for split in splits for code, n in split["unusable_photos"].items()} == {"empty": 1, "vanished": 1}
    (warning,) = lines(outcome, "warning")
    assert warning.startswith("2 of 48 photos cannot be used (1 ")


def test_photos_that_cannot_be_used_are_not_drawn(doctor, tmp_path):
    write_phototriage(tmp_path)
    for photo in sorted((tmp_path / "train_val" / "train_val_imgs").iterdir())[::3][:10]:
        photo.unlink()
    _, audit = doctor(f"data.root={tmp_path}", "sample=15")
    train = audit["splits"]["train"]
    assert train["labels"] - train["labels_lost"] == train["sharpness"]["n"] == 15


def test_photos_of_which_most_cannot_be_used_are_refused(doctor, tmp_path):
    write_phototriage(tmp_path)
    for photo in sorted((tmp_path / "train_val" / "train_val_imgs").iterdir())[:-6]:
        photo.unlink()
    outcome, audit = doctor(f"data.root={tmp_path}")
    assert refusal(outcome).startswith("42 of 48 photos cannot be used (42 vanished), and 42 labels with them; ")
    assert "train: no label is left" in audit["refused"]


def test_the_same_command_says_the_same_again(doctor, tmp_path):
    write_phototriage(tmp_path)
    (first_outcome, first), (second_outcome, second) = (doctor(f"data.root={tmp_path}", "seed=3") for _ in range(2))
    assert first_outcome.out == second_outcome.out
    assert {**first, "settings": None} == {**second, "settings": None}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data=samples"], "data=samples: photos without labels; use one of ava, kadid, "),
        (["data=pairs"], "data.file is not set: "),
        (["data=pair"], "data=pair: no such data. Did you mean 'pairs'? "),
        (["+sampel=3"], "sampel: no such key. Did you mean 'sample'? "),
        (["sample=few"], "sample=few: must be a whole number"),
        (["data=samples", "sample=-1"], "sample=-1: photos or pairs of each split, at least 0"),
        (["refrence=x"], "refrence=x: no such key. Did you mean 'reference'? "),
        (["data.root=nowhere"], "data.root=nowhere: no such folder. "),
    ],
)
def test_a_mistake_ends_in_one_line(doctor, arguments, message):
    outcome, audit = doctor(*arguments)
    assert (outcome.exit_code, outcome.out, audit) == (2, "", None)
    assert outcome.err.strip().splitlines() == [outcome.last_line]
    relative = outcome.last_line.replace(f"{Path.cwd()}{os.sep}", "")
    assert relative.startswith(f"iqbench.doctor: {message}")


def test_help_has_examples(doctor):
    outcome, _ = doctor("--help")
    assert "python -m iqbench.doctor data=pairs data.file=list.csv reference=DIR" in outcome.out
    assert Path("conf").name not in outcome.err


@pytest.mark.parametrize("setting", ["data=pairs data.file", "data=ava data.root", "data=phototriage data.root"])
@pytest.mark.parametrize("value", ["2024", "[1]"])
def test_a_place_that_is_written_like_a_number_or_a_list_is_a_name_all_the_same(
    tmp_path: Path, setting: str, value: str
) -> None:
    data, key = setting.split()
    outcome = cli.run("doctor", data, f"{key}={value}", f"out={tmp_path / 'out'}")
    assert outcome.exit_code == 2
    assert f"{value}: no such" in outcome.last_line
