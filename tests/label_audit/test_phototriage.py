from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from fixtures.label_tables import pair_table
from fixtures.labelled_sets import pair_lines, write_phototriage
from iqbench.datasets.phototriage_list import read_pair_list
from iqbench.datasets.phototriage_reviews import Reviews
from iqbench.errors import UsageError
from iqbench.interfaces import PhotoFile
from iqbench.label_audit import phototriage
from iqbench.label_audit.phototriage import (
    ListAgreement,
    dataset_findings,
    list_agreement,
    lists_near,
    reference_finding,
)


def compared(*counts):
    return reference_finding(ListAgreement(*counts), "list.txt")


# winners by RATIO: 1 of (1, 2), 3 of (1, 3), 3 of (2, 3); by ranks read as ids: 2 of (2, 3), 2 of (1, 2), 3 of (1, 3)
SERIES_15 = "15 1 2 0.7 2 3\n15 1 3 0.2 2 1\n15 2 3 0.1 3 1\n"


@pytest.fixture
def lines(tmp_path):
    (tmp_path / "list.txt").write_text(SERIES_15)
    return read_pair_list(tmp_path / "list.txt")


def labels(*rows):
    """Labels of series 15, each `winner>loser` by number, as photos in two folders."""
    pairs = [row.split(">") for row in rows]
    return pair_table(*(f"./a/000015-0{winner}.JPG>./b b/000015-0{loser}.png" for winner, loser in pairs))


def test_right_labels_agree_with_ratio(lines):
    assert list_agreement([labels("1>2", "3>1", "3>2")], [lines]) == ListAgreement(3, 3, 3, 1, 2, 0)


def test_ranks_read_as_ids_are_told_from_right_labels(lines):
    assert list_agreement([labels("2>3", "2>1", "3>1")], [lines]) == ListAgreement(3, 1, 3, 3, 2, 2)


def test_a_label_is_joined_whichever_photo_stands_first(lines):
    pairs = [f"./000015-0{first}.JPG{sign}./000015-0{second}.JPG" for first, sign, second in ("1>2", "2<1")]
    assert list_agreement([pair_table(*pairs)], [lines])[:2] == (2, 2)
    assert list_agreement([pair_table(pairs[0]), pair_table(pairs[1])], [lines])[:2] == (2, 2)


def test_ties_strangers_and_photos_of_two_series_are_left_out(lines):
    rows = ["./000015-01.JPG=./000015-02.JPG", "./000016-01.JPG>./000016-02.JPG", "./000015-01.JPG>./dog.JPG"]
    rows += ["./000015-01.JPG>./000016-02.JPG", "./000015-01.JPG>./0000015-02.JPG"]
    assert list_agreement([pair_table(*rows)], [lines]) == ListAgreement(0, 0, 0, 0, 0, 0)


def test_a_pair_without_winner_in_the_list_is_no_yardstick(tmp_path):
    (tmp_path / "list.txt").write_text("15 1 2 0.500 1 2\n")
    held = list_agreement([labels("1>2")], [read_pair_list(tmp_path / "list.txt")])
    assert held == ListAgreement(comparable=0, right=0, rankable=1, by_rank=1, telling=0, telling_by_rank=0)


@pytest.fixture
def large(tmp_path):
    """Sixty series of four photos as a list, and the winner of each of their 360 pairs."""
    random, rows = np.random.default_rng(1), []
    for series in range(1, 61):
        rows += pair_lines(series, random.permutation([0.1, 0.4, 0.6, 0.9]).tolist())
    (tmp_path / "list.txt").write_text("".join(f"{row}\n" for row in rows))
    return read_pair_list(tmp_path / "list.txt")


def named(series, winner, loser):
    return f"{series}: ./{series:06d}-{winner:02d}.JPG>./{series:06d}-{loser:02d}.JPG"


def winners(large):
    columns = (column.tolist() for column in large[1:5])
    return [
        (s, first, second) if ratio > 0.5 else (s, second, first)
        for s, first, second, ratio in zip(*columns, strict=True)
    ]


def judged(large, rows):
    return reference_finding(list_agreement([pair_table(*rows)], [large]), "list.txt")


def test_labels_from_ratio_are_sound(large):
    finding = judged(large, [named(*row) for row in winners(large)])
    assert (finding.severity, finding.text) == ("ok", "all 360 labels agree with RATIO in list.txt")


def test_ranks_read_as_ids_are_refused_by_that_name(large):
    ranks = zip(*(column.tolist() for column in (large.series, large.rank1, large.rank2)), strict=True)
    finding = judged(large, [named(*row) for row in ranks])
    assert finding.severity == "refused"
    start = "rank columns read as ids (they are ranks inside the series, 1 = best): 360 of 360 labels are what that "
    assert finding.text.startswith(f"{start}mistake gives, only ")
    assert finding.text.endswith(f"only {finding.numbers['right']} of 360 labels agree with RATIO in list.txt")
    assert 0.4 < finding.numbers["right"] / 360 < 0.8


def test_swapped_labels_are_refused_as_such_though_the_rank_mistake_gives_half_of_them(large):
    finding = judged(large, [named(series, loser, winner) for series, winner, loser in winners(large)])
    assert (finding.severity, finding.text) == (
        "refused",
        "better and worse are swapped: only 0 of 360 labels agree with RATIO in list.txt",
    )
    assert finding.numbers["telling_by_rank"] == finding.numbers["telling"] > 5


def test_labels_at_chance_are_refused_as_shuffled_reviews(large):
    swap = np.random.default_rng(0).random(360) < 0.5
    rows = [(s, b, a) if flip else (s, a, b) for (s, a, b), flip in zip(winners(large), swap, strict=True)]
    finding = judged(large, [named(*row) for row in rows])
    assert finding.severity == "refused"
    assert finding.text == (
        f"labels agree with list.txt at chance ({100 * finding.numbers['right'] / 360:.1f} % of 360): names joined to "
        "shuffled review numbers? Labels come from the pair lists only"
    )


@pytest.mark.parametrize(
    ("wrong", "severity", "start"),
    [
        (72, "refused", "labels do not agree: only 288 of 360 labels agree"),
        (37, "refused", "labels do not agree: only 323 of 360 labels agree"),
        (36, "warning", "only 324 of 360 labels agree with RATIO in list.txt"),
        (1, "warning", "only 359 of 360 labels agree with RATIO in list.txt"),
        (324, "refused", "labels do not agree: only 36 of 360 labels agree"),
        (325, "refused", "better and worse are swapped: only 35 of 360"),
    ],
)
def test_how_many_labels_disagree_decides(wrong, severity, start):
    finding = compared(360, 360 - wrong, 360, 200, 150, 75)
    assert finding.severity == severity
    assert finding.text.startswith(start)


def test_few_labels_are_refused_only_where_chance_cannot_explain_them():
    finding = compared(4, 2, 4, 2, 2, 1)
    assert finding.severity == "warning"
    assert finding.text == "only 2 of 4 labels agree with RATIO in list.txt: too few to tell why"
    assert compared(29, 14, 29, 14, 10, 5).text.startswith("labels do not agree: only 14 of 29")
    assert compared(30, 15, 30, 14, 10, 5).text.startswith("labels agree with list.txt at chance")


def test_the_rank_mistake_needs_labels_that_tell():
    assert compared(20, 15, 20, 20, 5, 5).text.startswith("rank columns read as ids")
    assert not compared(20, 16, 20, 20, 4, 4).text.startswith("rank columns read as ids")


def test_sound_labels_are_not_taken_for_the_rank_mistake_where_most_series_have_two_photos():
    assert compared(100, 100, 100, 92, 8, 0).severity == "ok"  # of two photos, rank and id say the same


def test_labels_about_other_pairs_cannot_be_held_against_the_list():
    finding = compared(0, 0, 0, 0, 0, 0)
    assert (finding.severity, finding.text) == ("note", "no label is about a pair of list.txt that has a winner")


def photo(path: Path):
    return PhotoFile(f"./{path.name}", path)


def test_lists_are_found_beside_and_above_the_photos(tmp_path):
    write_phototriage(tmp_path, series=1, validation_series=1)
    root = tmp_path / "train_val"
    lists = [root / "train_pairlist.txt", root / "val_pairlist.txt"]
    for folder in (root, root / "train_val_imgs", root / "x" / "y" / "z", tmp_path, tmp_path / "copies"):
        assert lists_near([photo(folder / "000001-01.JPG")], None) == lists
    assert lists_near([photo(root / "w" / "x" / "y" / "z" / "000001-01.JPG")], None) == []
    assert lists_near([photo(root / "1.JPG")], None) == []  # not named as PhotoTriage's
    lists[1].unlink()
    assert lists_near([photo(root / "000001-01.JPG")], None) == lists[:1]


def test_a_reference_is_a_list_or_a_folder(tmp_path):
    write_phototriage(tmp_path, series=1, validation_series=1)
    root = tmp_path / "train_val"
    lists = [root / "train_pairlist.txt", root / "val_pairlist.txt"]
    assert lists_near([], str(tmp_path)) == lists_near([], str(root)) == lists
    assert lists_near([], str(lists[1])) == lists[1:]
    with pytest.raises(UsageError, match=r"neither a pair list nor a folder with train_pairlist\.txt"):
        lists_near([], str(tmp_path / "nowhere"))


def test_a_broken_list_is_an_error_where_it_was_asked_for_and_else_a_warning(tmp_path):
    (tmp_path / "train_pairlist.txt").write_text("15 1 2 0.7 2 1\n")
    table = pair_table("./000015-01.JPG>./000015-02.JPG")
    with pytest.raises(UsageError, match="line 1"):
        phototriage.reference_findings([table], table.photos, str(tmp_path))
    near = [photo(tmp_path / "000015-01.JPG")]
    (finding,) = phototriage.reference_findings([table], near, None)
    assert finding.severity == "warning"
    assert finding.text.startswith("labels were not compared with a pair list near the photos: ")


def test_counts_stand_beside_the_published_ones(tmp_path, monkeypatch):
    write_phototriage(tmp_path, series=4, photos_per_series=3, validation_series=2)

    def texts(train):
        monkeypatch.setitem(phototriage.PUBLISHED, "train", train)
        finding = next(dataset_findings(str(tmp_path)))
        return finding.severity, finding.text.partition("; ")[2] or finding.text

    counts = "train_pairlist.txt: 4 series, 12 pairs, 12 photos"
    assert texts((4, 12, 12)) == ("ok", f"{counts}, as published")
    assert texts((4, 24, 12)) == ("warning", "differs from the published 4 series, 24 pairs, 12 photos")
    assert texts((4, 25, 12)) == ("note", "published are 4 series, 25 pairs, 12 photos")


def test_reviews_are_said_to_be_useless(tmp_path):
    write_phototriage(tmp_path, series=20, photos_per_series=4, reviews=True)
    *_, finding = dataset_findings(str(tmp_path))
    share = finding.numbers["agreements"] / finding.numbers["votes"]
    assert finding.severity == "note"
    assert finding.numbers["votes"] == 24 * 6
    assert finding.text == (
        f"reviews joined by name agree with the pair lists in {100 * share:.1f} % of 144 votes: at chance, because "
        "photo numbers inside the reviews are shuffled; they are not used"
    )


def test_reviews_that_fit_the_names_are_not_called_shuffled(tmp_path, monkeypatch):
    write_phototriage(tmp_path)
    monkeypatch.setattr(phototriage, "review_agreement", lambda *_: Reviews(100, 74, 0))
    *_, finding = dataset_findings(str(tmp_path))
    assert finding.text == "reviews joined by name agree with the pair lists in 74.0 % of 200 votes; they are not used"


def test_without_reviews_nothing_is_said_of_them(tmp_path):
    write_phototriage(tmp_path, series=2, validation_series=1)
    assert [finding.about for finding in dataset_findings(str(tmp_path))] == ["published counts"] * 2


def test_complete_series_are_what_the_fixture_says(large):
    assert len(large.series) == 60 * len(list(combinations(range(4), 2)))
