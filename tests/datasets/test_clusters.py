"""Clusters of photos: each choice by hand, and that a data set of many different photos does not hang together."""

import numpy as np
import pandas as pd
import pytest

from iqbench.datasets.clusters import clusters, near_groups
from iqbench.interfaces import ClusterChoice

NEAR = "0" * 31 + "7"  # 3 bits from FIRST
FIRST, FAR = "0" * 32, "f" * 32
PHOTOS = pd.DataFrame(
    [
        ("./y/2.png", "s2", "one", FIRST),
        ("./y/1.png", "s1", "two", NEAR),
        ("./x/1.png", "s2", "", FAR),
        ("./x/3.png", None, "one", None),
        ("./z/9.png", "s9", "three", "0f" * 16),
        ("./z/8.png", "s8", "three", "f0" * 16),
        ("./top.png", None, "", None),
    ],
    columns=["name", "sha256", "series", "look"],
)


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("photo", ["./y/2.png", "./y/1.png", "./x/1.png", "./x/3.png", "./z/9.png", "./z/8.png", "./top.png"]),
        ("sha256", ["./x/1.png", "./y/1.png", "./x/1.png", "./x/3.png", "./z/9.png", "./z/8.png", "./top.png"]),
        ("look", ["./x/1.png", "./x/1.png", "./x/1.png", "./x/3.png", "./z/9.png", "./z/8.png", "./top.png"]),
        ("series", ["./x/1.png", "./x/1.png", "./x/1.png", "./x/1.png", "./z/8.png", "./z/8.png", "./top.png"]),
        ("folder", ["./x/1.png", "./x/1.png", "./x/1.png", "./x/1.png", "./z/8.png", "./z/8.png", "./top.png"]),
    ],
)
def test_each_choice_makes_its_clusters_whatever_the_order_of_the_photos(
    by: ClusterChoice, expected: list[str]
) -> None:
    assert clusters(PHOTOS, by).tolist() == expected
    for seed in range(5):
        shuffled = PHOTOS.sample(frac=1.0, random_state=seed)
        assert clusters(shuffled, by).sort_index().tolist() == expected


def test_near_copies_of_near_copies_are_one_cluster() -> None:
    looks = [f"{(1 << 12 * step) - 1:032x}" for step in range(4)]  # 12 bits from one to the next
    photos = pd.DataFrame({"name": list("dcba"), "sha256": list("1234"), "series": "", "look": looks})
    assert clusters(photos, "look").tolist() == ["a"] * 4
    assert clusters(photos.iloc[[0, 2]], "look").tolist() == ["d", "b"]


def test_photos_without_any_hash_are_clusters_of_their_own() -> None:
    photos = pd.DataFrame({"name": list("ab"), "sha256": None, "series": "", "look": None})
    for by in ("look", "sha256", "series"):
        assert clusters(photos, by).tolist() == ["a", "b"]


def test_the_larger_choices_hold_the_clusters_of_the_smaller_ones() -> None:
    random = np.random.default_rng(0)
    photos = pd.DataFrame(
        {
            "name": [f"./{at % 17}/{at}.png" for at in range(300)],
            "sha256": random.integers(280, size=300).astype(str),
            "series": random.integers(90, size=300).astype(str),
            "look": [f"{number:032x}" for number in random.integers(2**62, size=300).astype(object) ** 2],
        }
    )
    for smaller, larger in (("photo", "sha256"), ("sha256", "look"), ("look", "series"), ("look", "folder")):
        inner, outer = clusters(photos, smaller), clusters(photos, larger)
        assert (outer.groupby(inner).nunique() == 1).all()
        assert outer.nunique() < inner.nunique() or larger == "look"


def test_twenty_thousand_random_hashes_do_not_hang_together() -> None:
    random = np.random.default_rng(1)
    looks = pd.Series([random.bytes(16).hex() for _ in range(20_000)])
    assert near_groups(looks).nunique() == 20_000
