"""The choice of what makes photos one cluster, which every source of photos takes as ``data.cluster``."""

from typing import get_args

from iqbench.errors import UsageError
from iqbench.interfaces import ClusterChoice

CHOICES: tuple[ClusterChoice, ...] = get_args(ClusterChoice)


def cluster_choice(cluster: object, has_series: bool = False) -> ClusterChoice:
    """Return the choice of a config.

    Args:
        cluster: The value of ``data.cluster``.
        has_series: Whether the photos of the data set have series.

    Raises:
        UsageError: If there is no such choice, or it is ``series`` and the data set has none.

    Example:
        >>> cluster_choice("look")
        'look'
    """
    for choice in CHOICES:
        if choice == cluster and (has_series or choice != "series"):
            return choice
    if cluster == "series":
        others = ", ".join(choice for choice in CHOICES if choice != "series")
        raise UsageError(f"data.cluster=series: these photos have no series; use one of {others}")
    raise UsageError(f"data.cluster={cluster}: must be one of {', '.join(CHOICES)}")
