import numpy as np
import pytest

from fixtures.label_tables import examined, pair_table, vote_table
from iqbench.label_audit.findings import at_chance, findings
from iqbench.labels import PairTable

TRAIN = pair_table("1: a>b", "1: b>c", "1: a>c")
TEST = pair_table("2: x<y", "2: y>z")


def found(labels, about, **photos):
    """The findings on one subject, as severity and text; the photos are of other bytes each unless said."""
    return [
        (finding.severity, finding.text)
        for finding in findings(labels, examined(*labels.values(), **photos))
        if finding.about == about
    ]


def test_sound_labels_have_no_finding_worse_than_ok():
    labels = {"train": TRAIN, "test": TEST}
    assert {finding.severity for finding in findings(labels, examined(TRAIN, TEST))} == {"ok"}


def test_a_photo_in_two_splits_is_refused():
    labels = {"train": TRAIN, "val": pair_table("3: c>d"), "test": TEST}
    ((severity, text),) = found(labels, "leaks")
    assert severity == "refused"
    assert text.startswith("train and val share 1 photo, such as c: ")


def test_votes_for_one_photo_in_two_splits_are_refused():
    (leak,) = found({"train": vote_table(a=5, b=6), "val": vote_table(c=5), "test": vote_table(b=6)}, "leaks")
    assert leak[0] == "refused"
    assert leak[1].startswith("train and test share 1 photo, such as b: ")


def test_a_series_in_two_splits_is_refused():
    (leak,) = found(
        {"train": pair_table("1: a>b", "3: c>d", "4: e>f"), "test": pair_table("2: x>y", "5: v>w", "3: p>q")}, "leaks"
    )
    assert leak[0] == "refused"
    assert leak[1].startswith("train and test share 1 series, such as series 3: ")


def test_a_series_that_holds_most_pairs_may_be_divided_by_photos():
    (leak,) = found({"train": TRAIN, "test": pair_table("1: x>y")}, "leaks")
    assert leak == (
        "note",
        "train and test share 1 series, such as series 1: one holds most pairs, so photos were divided "
        "instead of series",
    )


def test_the_same_bytes_in_two_splits_are_refused_whatever_they_are_called():
    (leak,) = found({"train": TRAIN, "test": TEST}, "leaks", same="b z")
    assert leak[0] == "refused"
    assert leak[1].startswith("train and test share 1 photo under two names (the same bytes), such as b and z: ")


def test_a_copy_in_a_hundred_photos_is_only_a_warning():
    train, test = (vote_table(**{f"{letter}{at}": 5 for at in range(100)}) for letter in "ab")
    (leak,) = found({"train": train, "test": test}, "leaks", same="a7 b9")
    assert leak == ("warning", "train and test share 1 photo under two names (the same bytes), such as a7 and b9")
    (leak,) = found({"train": train, "test": test}, "leaks", same="a7 b9 b10")
    assert leak[0] == "refused"


def test_nearly_the_same_picture_in_two_splits_is_a_warning_and_one_in_a_hundred_photos_a_note():
    (leak,) = found({"train": TRAIN, "test": TEST}, "leaks", alike="b z")
    assert leak == (
        "warning",
        "train and test share nearly the same picture in 1 photo, such as b and z: look at them",
    )
    train, test = (vote_table(**{f"{letter}{at}": 5 for at in range(100)}) for letter in "ab")
    (leak,) = found({"train": train, "test": test}, "leaks", alike="a7 b9")
    assert leak[0] == "note"
    (leak,) = found({"train": train, "test": test}, "leaks", alike="a7 b9 b10")
    assert leak[0] == "warning"


def test_near_copies_inside_a_split_and_unreadable_photos_are_no_leak():
    for photos in ({"alike": "a b"}, {"alike": "b z", "lost": "z"}):
        (leak,) = found({"train": TRAIN, "test": TEST}, "leaks", **photos)
        assert leak == ("ok", "no photo, near-copy or series is in two splits")


def test_copies_inside_a_split_are_a_warning():
    assert found({"train": TRAIN, "test": TEST}, "copies", same="a b") == [
        (
            "warning",
            "train: 1 photo with the same bytes as another, such as a and b; 1 pair compares a photo with its own copy",
        )
    ]


def test_a_pair_listed_twice_is_a_warning():
    labels = {"train": pair_table("a>b", "b<a", "b>c")}
    assert found(labels, "repeats") == [
        ("warning", "train: 1 pair listed more than once with one winner, such as a and b")
    ]


def test_a_contradicted_pair_is_a_warning():
    labels = {"train": pair_table("a>b", "a<b", "b>c")}
    assert found(labels, "label consistency") == [
        ("warning", "train: 1 pair listed with opposite winners, such as a and b")
    ]


def test_a_few_intransitive_triads_are_a_note():
    labels = {"train": pair_table("a>b", "b>c", "c>a")}
    assert found(labels, "intransitive triads") == [
        ("note", "train: 1 of 1 triads are intransitive, such as a > b > c > a")
    ]


def test_as_many_intransitive_triads_as_of_coin_tosses_are_a_warning():
    circular = [f"{at}: {row}" for at in range(6) for row in (f"a{at}>b{at}", f"b{at}>c{at}", f"c{at}>a{at}")]
    straight = [f"{at}: {row}" for at in range(6, 30) for row in (f"a{at}>b{at}", f"b{at}>c{at}", f"a{at}>c{at}")]
    ((severity, text),) = found({"train": pair_table(*circular, *straight)}, "intransitive triads")
    assert severity == "warning"
    assert text.startswith("train: 6 of 30 triads are intransitive, such as a0 > b0 > c0 > a0: about as many as ")
    ((severity, _),) = found({"train": pair_table(*circular[3:], *straight, "90: x>y")}, "intransitive triads")
    assert severity == "note"


def test_triads_that_were_not_counted_have_a_note(monkeypatch):
    monkeypatch.setattr("iqbench.label_audit.consistency.MAX_PATHS", 1)
    assert found({"train": TRAIN}, "intransitive triads") == [
        ("note", "train: triads were not counted, since too many pairs are connected")
    ]


def one_sided(first, second):
    rows = [f"{at}: a{at}>b{at}" for at in range(first)] + [f"{at}: a{at}<b{at}" for at in range(first, first + second)]
    return pair_table(*rows)


def test_chance_is_what_an_exact_interval_cannot_exclude():
    assert at_chance(40, 100)  # 95 %: 0.303 to 0.503
    assert not at_chance(39, 100)
    assert not at_chance(61, 100)


@pytest.mark.parametrize(("first", "second", "says"), [(21, 9, "first"), (9, 21, "second")])
def test_a_constant_answer_that_is_often_right_is_a_warning(first, second, says):
    assert found({"train": one_sided(first, second)}, "constant answer") == [
        ("warning", f"train: a model that always says `{says}` gets 70.0 %: print it beside every accuracy")
    ]


def test_a_constant_answer_that_is_worth_little_is_fine():
    text = "a model that always says the same gets at most 60.0 %"
    assert found({"train": one_sided(300, 200)}, "constant answer") == [("ok", text)]
    assert found({"train": one_sided(301, 200)}, "constant answer")[0][0] == "warning"


def test_a_constant_answer_is_right_by_luck_where_pairs_are_few():
    assert found({"train": one_sided(20, 10)}, "constant answer")[0][0] == "ok"
    assert found({"train": one_sided(29, 0)}, "constant answer") == []


def test_weights_count_in_a_constant_answer():
    table = one_sided(200, 300)
    weight = np.where(table.preference == 0, 2.0, 1.0)
    table = PairTable(table.photos, table.first, table.second, table.preference, weight, table.series)
    ((severity, text),) = found({"train": table}, "constant answer")
    assert severity == "warning"
    assert text.startswith("train: a model that always says `second` gets 75.0 %")


def test_what_a_constant_answer_gets_of_votes_is_a_note():
    labels = {"train": vote_table(a=6, b=7, c=8, d=2), "test": vote_table(e=5, f=6)}
    assert found(labels, "constant answer") == [
        (
            "note",
            "good or bad: a model that always says `good` gets 75.0 % (train), 50.0 % (test); "
            "print it beside every accuracy",
        )
    ]


@pytest.mark.parametrize(("mean", "warned"), [(4, True), (5, False), (6, False), (7, True)])
def test_a_mean_vote_far_from_avas_is_a_warning(mean, warned):
    labels = {"train": vote_table(**{f"p{at}": mean for at in range(30)})}
    text = f"train: the mean vote is {mean}.00, AVA's is 5.38: are the ten columns shifted by one?"
    assert found(labels, "mean vote") == ([("warning", text)] if warned else [])


def test_a_few_votes_have_any_mean():
    assert found({"train": vote_table(**{f"p{at}": 9 for at in range(29)})}, "mean vote") == []


@pytest.mark.parametrize(("photos", "severity"), [(2, "refused"), (4, "warning"), (200, "note")])
def test_photos_that_cannot_be_used_weigh_by_their_share(photos, severity):
    labels = {"train": vote_table(a0=5, **{f"b{at}": 5 for at in range(1, photos)})}
    lost = "a0 b1" if photos == 2 else "a0"
    (first, *_) = found(labels, "unusable photos", lost=lost)
    assert first[0] == severity
    assert f"of {photos} photos cannot be used" in first[1]
    assert first[1].endswith("the first is a0: cut short")


def test_a_split_of_which_nothing_is_left_is_refused():
    labels = {"train": vote_table(a=5, b=5, c=5), "val": vote_table(d=5)}
    assert found(labels, "unusable photos", lost="d") == [
        ("warning", "1 of 4 photos cannot be used (1 corrupt), and 1 label with them; the first is d: cut short"),
        ("refused", "val: no label is left"),
    ]


def test_a_split_without_labels_is_no_obstacle():
    empty = TRAIN.where(np.zeros(3, dtype=bool))
    severities = {finding.severity for finding in findings({"train": TRAIN, "val": empty}, examined(TRAIN))}
    assert severities == {"ok"}
