"""The summary of clusters: who shares one, and when the largest is suspicious."""

import pandas as pd
import pytest

from iqbench.results.cluster_summary import Clusters


def photos(*clusters: str) -> pd.DataFrame:
    return pd.DataFrame({"photo": [f"./{at:02}" for at in range(len(clusters))], "cluster": clusters})


def test_nothing_has_no_clusters() -> None:
    made = Clusters.of(photos(), "look")
    assert (made.clusters, made.photos, made.near_copies, made.largest, made.examples) == (0, 0, 0, 0, [])
    assert not made.suspicious


def test_at_most_three_examples_are_named_those_of_the_largest_clusters_first() -> None:
    made = Clusters.of(photos(*"aabbccddddef"), "look")
    assert (made.clusters, made.near_copies, made.largest) == (6, 10, 4)
    assert made.examples == [("./06", "./07"), ("./00", "./01"), ("./02", "./03")]


def test_series_that_share_a_photo_with_a_near_copy_are_counted_and_photos_inside_a_series_are_not() -> None:
    table = pd.DataFrame(
        [
            ("./a1", "./a1", "a", 0),
            ("./a2", "./a1", "a", 0),  # a near-copy in the same series
            ("./b1", "./b1", "b", 1),
            ("./b2", "./b2", "b", 1),
            ("./c1", "./b2", "c", 1),  # a near-copy in another series
        ],
        columns=["photo", "link", "series", "cluster"],
    )
    made = Clusters.of(table, "look")
    assert (made.series, made.clusters, made.near_copies, made.photos, made.largest) == (3, 2, 2, 5, 3)
    assert made.examples == [("./b2", "./c1")]
    apart = Clusters.of(table[:4], "look")
    assert (apart.series, apart.clusters, apart.near_copies, apart.examples) == (2, 2, 0, [])


@pytest.mark.parametrize(
    ("clusters", "suspicious"),
    [
        ("abcdefghijkl", False),
        ("aabcdefghijk", False),  # a pair of copies among twelve photos
        ("aaaabcdefghi", True),  # a third of the photos
        ("aaabbbcccddd", False),  # large, but all of them are
        ("a" * 3 + "".join(map(chr, range(200, 227))), False),  # a tenth of thirty photos, and no more
    ],
)
def test_the_largest_cluster_is_suspicious_if_it_is_large_and_the_others_are_not(
    clusters: str, suspicious: bool
) -> None:
    assert Clusters.of(photos(*clusters), "look").suspicious is suspicious
