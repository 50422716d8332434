"""Pick the keepers out of a folder of photos: ``python -m iqbench.rank DIR``.

The module can be called like the function `iqbench.rank`, whose name it has.
"""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from iqbench import cli
from iqbench.arguments import with_positionals
from iqbench.errors import UsageError, exit_on_error
from iqbench.job import Job
from iqbench.model_job import run_job

if TYPE_CHECKING:
    import pandas as pd

    from iqbench.culling.ranking import Ranking

log = logging.getLogger(__name__)


def main() -> None:
    """Start the ranking from the command line. Arguments that are no settings are photos."""
    with exit_on_error("iqbench.rank"):
        sys.argv[1:] = with_positionals(sys.argv[1:], "photos")
    cli.launch(job, "rank", interrupted="scored photos are kept, the same command with the same out= resumes")


def job(config: DictConfig) -> None:
    """Run one job. In a sweep its failure is recorded, and the next job starts."""
    run_job(config, "rank", rank, show, failures, "ranking.csv")


def rank(config: DictConfig, folder: Path) -> "Ranking":
    """Rank the photos, write the results into ``folder``, and return them.

    Raises:
        IqbenchError: If a part of the config cannot be used.
    """
    from iqbench.rank_job import RankRequest, rank_photos

    if config.sidecars is not None and Job.current().is_sweep:
        raise UsageError("sidecars: one model rates the photos; leave out -m, or sidecars=")
    return rank_photos(RankRequest(config), folder)


def show(ranking: "Ranking") -> None:
    """Print the table."""
    from iqbench.reporting.ranking_table import print_ranking

    print_ranking(ranking)


def failures(ranking: "Ranking") -> Mapping[str, int]:
    """Return the photos without an answer, by status."""
    return ranking.failures


class _Callable(ModuleType):
    """This module, once it is imported: importing it puts it in the place of the function `iqbench.rank`."""

    def __call__(self, photos: Any, *arguments: Any, **settings: Any) -> "pd.DataFrame":
        """See `iqbench.rank`."""
        from iqbench.api.rank import rank

        return rank(photos, *arguments, **settings)


if __name__ == "__main__":
    main()
else:
    sys.modules[__name__].__class__ = _Callable
