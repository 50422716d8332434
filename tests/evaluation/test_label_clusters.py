"""Labels that are repeated for copies of their photos add nothing: every interval and p stays as it was."""

import numpy as np
import pandas as pd
import pytest

from fixtures.predictions import pair_answers, tangled_answers, vote_answers
from iqbench.evaluation.agreement import pair_agreement, vote_agreement
from iqbench.evaluation.answers import with_clusters
from iqbench.evaluation.compare import compare
from iqbench.evaluation.label_clusters import label_clusters, photo_clusters
from iqbench.evaluation.vote_scale import VoteScale
from iqbench.evaluation.voters import vote_ceiling
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.resampled_measures import PairBootstrap

CONFIG, COPIES = BootstrapConfig(0, 200), 6
SIDES = {"first", "second", "photo", "series"}


def repeated(answers):
    """The answers once more for each of six copies of their photos, all of which are near-copies of the first."""
    parts = [answers.astype(dict.fromkeys(SIDES & {*answers}, str))]
    for copy in range(1, COPIES + 1):
        parts.append(parts[0].assign(**{name: parts[0][name] + f" copy {copy}" for name in SIDES & {*answers}}))
    table = pd.concat(parts, ignore_index=True).sample(frac=1.0, random_state=0, ignore_index=True)
    names = pd.unique(pd.concat([table[side] for side in ("first", "second", "photo") if side in table]))
    photos = pd.DataFrame({"photo": names, "cluster": [name.partition(" copy")[0] for name in names]})
    return with_clusters(table, photos)


def estimates(agreement):
    found = {name: (measure.value, measure.interval) for name, measure in agreement.measures.items()}
    bins = getattr(agreement, "accuracy_by_agreement", [])
    return found | {f"from {level.low}": (level.value, level.interval) for level in bins}


def assert_alike(once, copied):
    for name, (value, interval) in estimates(once).items():
        of_copies = estimates(copied)[name]
        assert of_copies[0] == pytest.approx(value), name
        assert of_copies[1] == pytest.approx(interval), name


@pytest.mark.parametrize("answers", [pair_answers(30, noise=2.0), tangled_answers(30, 150)], ids=["series", "list"])
def test_repeated_pairs_add_nothing_to_the_measures(answers):
    once, copied = (pair_agreement(table, CONFIG) for table in (answers, repeated(answers)))
    assert copied.counts.pairs == 7 * once.counts.pairs
    assert (copied.bootstrap.unit, copied.bootstrap.units) == (once.bootstrap.unit, once.bootstrap.units)
    assert_alike(once, copied)
    narrow = pair_agreement(repeated(answers).drop(columns=["first_cluster", "second_cluster"]), CONFIG)
    width, of_naive = (np.ptp(agreement.voter_agreement.interval) for agreement in (once, narrow))
    assert of_naive < 0.8 * width


def test_repeated_votes_add_nothing_to_the_measures():
    answers = vote_answers(40)
    once, copied = (vote_agreement(table, CONFIG, VoteScale("shares")) for table in (answers, repeated(answers)))
    assert (copied.counts.photos, copied.bootstrap.units) == (280, 40)
    assert_alike(once, copied)
    ceilings = [vote_ceiling(table, CONFIG)["reliability"] for table in (answers, repeated(answers))]
    assert np.ptp(ceilings[1].interval) == pytest.approx(np.ptp(ceilings[0].interval), rel=0.35)


@pytest.mark.parametrize(
    ("judges", "method"),
    [
        ([pair_answers(30, noise=noise, ties=0.0) for noise in (0.2, 1.0, 3.0)], "sign flips"),
        ([tangled_answers(30, 150, noise=noise) for noise in (0.2, 1.0, 3.0)], "bootstrap"),
        ([vote_answers(40), vote_answers(40).assign(predicted=np.random.default_rng(0).normal(size=40))], "bootstrap"),
    ],
    ids=["series", "list", "votes"],
)
def test_repeated_labels_add_nothing_to_the_tests_of_models(judges, method):
    once = compare({str(at): table for at, table in enumerate(judges)}, CONFIG)
    copied = compare({str(at): repeated(table) for at, table in enumerate(judges)}, CONFIG)
    for of_labels, of_copies in zip(once, copied, strict=True):
        assert of_copies.method == of_labels.method == method
        assert of_copies.p == pytest.approx(of_labels.p)
        assert of_copies.p_corrected == pytest.approx(of_labels.p_corrected)
        assert of_copies.interval == pytest.approx(of_labels.interval)
        assert of_copies.least_difference == pytest.approx(of_labels.least_difference)
    assert any(difference.p_corrected < 0.05 for difference in once)


@pytest.mark.parametrize("answers", [pair_answers(20), tangled_answers(20, 60)])
def test_photos_that_are_independent_are_counted_as_before(answers):
    names = pd.unique(pd.concat([answers["first"], answers["second"]]))
    alone = with_clusters(answers, pd.DataFrame({"photo": names, "cluster": names}))
    assert pair_agreement(alone, CONFIG) == pair_agreement(answers, CONFIG)
    made = label_clusters(alone, "look")
    assert (made.near_copies, made.examples) == (0, [])


def in_series(sizes, links=()):
    """Pairs of neighbours in series of so many photos; linked photos are near-copies."""
    rows = [(f"{name}{at}", f"{name}{at + 1}", name) for name, size in sizes.items() for at in range(size - 1)]
    table = pd.DataFrame(rows, columns=["first", "second", "series"])
    table = table.assign(preference=1.0, weight=1.0, margin=1.0, status="ok")
    names = pd.unique(pd.concat([table["first"], table["second"]]))
    cluster = dict(zip(names, names, strict=True)) | {copy: photo for photo, copy in links}
    return with_clusters(table, pd.DataFrame({"photo": names, "cluster": [cluster[name] for name in names]}))


SIZES = dict.fromkeys("abcdefghij", 4)


def test_near_copies_inside_a_series_change_nothing():
    plain, bursts = in_series(SIZES), in_series(SIZES, [(f"{name}0", f"{name}1") for name in SIZES])
    assert pair_agreement(bursts, CONFIG) == pair_agreement(plain, CONFIG)
    made = label_clusters(bursts, "series")
    assert (made.series, made.clusters, made.near_copies, made.examples) == (10, 10, 0, [])


def test_series_that_share_a_near_copy_are_one_unit():
    linked = in_series(SIZES, [("a0", "c3"), ("c0", "d0")])
    agreement, made = pair_agreement(linked, CONFIG), label_clusters(linked, "series")
    assert (agreement.bootstrap.unit, agreement.bootstrap.units, agreement.counts.series) == ("series", 8, 10)
    assert (made.by, made.series, made.clusters, made.near_copies, made.largest) == ("series", 10, 8, 3, 12)
    assert made.examples == [("a0", "c3"), ("c0", "d0")]
    assert made.suspicious


def test_one_link_between_two_large_series_is_told_and_does_not_make_one_unit_of_the_labels():
    sizes = {"x": 12, "y": 12} | SIZES
    before, after = in_series(sizes), in_series(sizes, [("x3", "y5")])
    assert pair_agreement(before, CONFIG).bootstrap.units == 12
    assert not label_clusters(before, "look").suspicious
    made, agreement = label_clusters(after, "look"), pair_agreement(after, CONFIG)
    assert (agreement.bootstrap.unit, agreement.bootstrap.units) == ("series", 11)
    assert (made.largest, made.suspicious, made.examples) == (24, True, [("x3", "y5")])
    most = in_series({"x": 24, "y": 24} | SIZES, [("x3", "y5")])  # joined, they hold 46 of 76 pairs
    agreement, made = pair_agreement(most, CONFIG), label_clusters(most, "series")
    assert (agreement.bootstrap.unit, agreement.bootstrap.units) == ("photo", 87)
    assert (made.by, made.series, made.photos, made.clusters, made.near_copies) == ("look", None, 88, 87, 2)


def test_a_pair_inside_a_cluster_counts_as_often_as_its_cluster():
    table = tangled_answers(12, 60).assign(margin=1.0)
    photos = pd.DataFrame({"photo": [f"{at:03}" for at in range(12)]})
    linked = with_clusters(table, photos.assign(cluster=photos["photo"].replace("001", "000")))
    inside = (linked["first_cluster"] == linked["second_cluster"]).to_numpy()
    assert inside.any()
    bootstrap = PairBootstrap(linked, CONFIG)
    assert (bootstrap.unit, bootstrap.units) == ("photo", 11)
    share = bootstrap.means(inside.astype(float)[:, None], np.ones(60))[:, 0]
    first, second, _ = bootstrap.unit_numbers
    for draw, weights in zip(share, bootstrap._of_photos.weights.astype(float), strict=True):
        counts = np.where(inside, weights[first], weights[first] * weights[second])
        assert draw == pytest.approx(np.average(inside, weights=counts))


def test_series_are_no_part_of_the_clusters_of_photos():
    photos = pd.DataFrame({"photo": ["./s/a", "./s/b", "./t/c"], "sha256": ["1", "2", "1"], "look": None})
    assert photo_clusters(photos, "series").tolist() == ["./s/a", "./s/b", "./s/a"]
    assert photo_clusters(photos, "folder").tolist() == ["./s/a"] * 3
    assert photo_clusters(photos, "photo").tolist() == photos["photo"].tolist()
