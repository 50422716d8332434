"""The clusters of labelled photos: near-copies among them, and the series that these join."""

import pandas as pd

from iqbench.datasets.clusters import clusters
from iqbench.interfaces import ClusterChoice
from iqbench.results.cluster_summary import Clusters
from iqbench.statistics.bootstrap import BootstrapConfig
from iqbench.statistics.resampled_measures import PairBootstrap


def photo_clusters(photos: pd.DataFrame, by: ClusterChoice) -> "pd.Series[str]":
    """Return the cluster of each labelled photo.

    The series of pairs are no part of it: the labels have them, and photos are near-copies inside a series by nature.

    Args:
        photos: A row per photo with the columns photo, sha256 and look; of single photos with series, such as those
            of one reference, ``series`` as well.
        by: What makes photos one cluster.
    """
    return clusters(photos.rename(columns={"photo": "name"}), by if "series" in photos else _of_photos(by))


def label_clusters(answers: pd.DataFrame, by: ClusterChoice) -> Clusters:
    """Return the clusters that intervals count: of photos, or of series where these are independent.

    Args:
        answers: A row per label, from `iqbench.evaluation.answers.with_clusters`.
        by: What makes photos one cluster.
    """
    if "photo" in answers:
        columns = {"photo": "photo", "photo_cluster": "cluster"}
        return Clusters.of(answers[list(columns)].rename(columns=columns), by)
    pairs = PairBootstrap(answers, BootstrapConfig(resamples=0))
    sides = [
        pd.DataFrame(
            {
                "photo": answers[side],
                "link": answers[f"{side}_cluster"],
                "series": answers["series"],
                "unit": pairs.unit_numbers[2],
            }
        )
        for side in ("first", "second")
    ]
    photos = pd.concat(sides, ignore_index=True).drop_duplicates()
    if pairs.unit == "series":
        return Clusters.of(photos.rename(columns={"unit": "cluster"}), by)
    return Clusters.of(photos[["photo", "link"]].rename(columns={"link": "cluster"}), _of_photos(by))


def _of_photos(by: ClusterChoice) -> ClusterChoice:
    return "look" if by == "series" else by
