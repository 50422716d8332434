"""The notice that photos are not independent, for every table and report."""

from iqbench.results.cluster_summary import Clusters

SHARED = {
    "look": "are near-copies",
    "sha256": "are copies",
    "series": "share a series or are near-copies",
    "folder": "share a folder or are near-copies",
    "photo": "share nothing",
}
"""What is said of the photos that share a cluster, by the choice of clusters."""

SERIES_SHARE = {
    "look": "share near-copies",
    "sha256": "share copies",
    "series": "share near-copies",
    "folder": "share a folder or near-copies",
    "photo": "share photos",
}
"""What is said of the series that share a cluster."""


def cluster_notice(clusters: Clusters) -> str:
    """Return a notice where photos or series share a cluster, and "" where none do.

    Example:
        >>> made = Clusters(by="look", clusters=8, photos=48, near_copies=48, largest=6, examples=[])
        >>> cluster_notice(made)
        '48 photos in 8 clusters (48 are near-copies; data.cluster=look): intervals count clusters'
        >>> uneven = made.model_copy(update={"clusters": 30, "near_copies": 19, "largest": 19})
        >>> cluster_notice(uneven).partition(", ")[2]
        'one of 19 photos (do they belong together?): intervals count clusters'
        >>> cluster_notice(made.model_copy(update={"clusters": 48, "near_copies": 0}))
        ''
    """
    if not clusters.near_copies:
        return ""
    number = f"{clusters.clusters:,} cluster{'s' * (clusters.clusters != 1)}"
    members, shared = f"{clusters.photos:,} photos", SHARED[clusters.by]
    if clusters.series is not None:
        members, shared = f"{clusters.series:,} series", SERIES_SHARE[clusters.by]
    notice = f"{members} in {number} ({clusters.near_copies:,} {shared}; data.cluster={clusters.by})"
    if clusters.suspicious:
        notice += f", one of {clusters.largest:,} photos (do they belong together?)"
    return f"{notice}: intervals count clusters"
