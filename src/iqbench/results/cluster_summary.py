"""The clusters of photos behind the intervals and tests of a summary, and who shares one."""

from typing import Self

import pandas as pd

from iqbench.interfaces import ClusterChoice
from iqbench.records import Record

MAX_EXAMPLES = 3

LARGE, UNEVEN = 0.1, 2
"""A cluster is suspicious that holds more than this share of the photos, and so many times the average number."""


class Clusters(Record):
    """The clusters that intervals and tests count: what makes photos one cluster (``by``), and how many there are.

    ``near_copies`` is the number of photos that share their cluster with another photo, ``examples`` are such photos,
    those of the largest clusters first, and ``largest`` is the number of photos in the largest cluster that is shared.
    Where people compared photos inside ``series``, whole series are in a cluster: ``near_copies`` then is the number
    of series that share theirs with another one, and ``examples`` are photos of two series.
    """

    by: ClusterChoice
    clusters: int
    photos: int
    near_copies: int
    largest: int
    examples: list[tuple[str, str]]
    series: int | None = None

    @classmethod
    def of(cls, photos: pd.DataFrame, by: ClusterChoice) -> Self:
        """Return the clusters of some photos.

        Args:
            photos: A row per photo with the columns photo and cluster; where whole series are in a cluster, also
                series and link, the cluster of the photo alone.
            by: What made photos one cluster.

        Example:
            >>> photos = pd.DataFrame({"photo": ["./a", "./b", "./c"], "cluster": ["./a", "./a", "./c"]})
            >>> made = Clusters.of(photos, "look")
            >>> made.clusters, made.photos, made.near_copies, made.largest, made.examples
            (2, 3, 2, 2, [('./a', './b')])
        """
        in_series = "series" in photos
        table = photos.assign(
            member=photos["series" if in_series else "photo"], link=photos["link" if in_series else "cluster"]
        )
        table = table.drop_duplicates(["photo", "member"])
        table["size"] = -table.groupby("cluster")["photo"].transform("nunique")
        table = table.sort_values(["size", "link", "photo"], kind="stable")
        shared = table[table.groupby("cluster")["member"].transform("nunique") > 1]
        linked = table[table.groupby("link")["member"].transform("nunique") > 1]
        firsts = linked.drop_duplicates(["link", "member"]).groupby("link", sort=False)["photo"]
        return cls(
            by=by,
            clusters=int(table["cluster"].nunique()),
            photos=int(table["photo"].nunique()),
            near_copies=int(shared["member"].nunique()),
            largest=-int(shared["size"].min()) if len(shared) else 0,
            examples=[tuple(names.iloc[:2]) for _, names in firsts][:MAX_EXAMPLES],
            series=int(table["member"].nunique()) if in_series else None,
        )

    @property
    def suspicious(self) -> bool:
        """True if the largest cluster is so large that wrong links may have made it."""
        return self.largest > LARGE * self.photos and self.largest * self.clusters > UNEVEN * self.photos
