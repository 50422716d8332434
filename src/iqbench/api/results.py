"""The result of a benchmark that a program asked for: the typed summary, and tables of it."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from iqbench.errors import DiskError, UsageError
from iqbench.io import write_text
from iqbench.reporting import frames
from iqbench.reporting.notices import unfinished
from iqbench.reporting.plots import accuracy_figure
from iqbench.reporting.text_format import one_line
from iqbench.results.summary import Summary


@dataclass(frozen=True, eq=False)
class BenchmarkResult:
    """The result of `iqbench.benchmark`.

    In the tables shares are in %, and differences in percentage points. ``_from`` and ``_to`` are 95 % intervals.
    """

    summary: Summary
    """All statistics, as in summary.json."""
    pairs: pd.DataFrame
    """The rows of unified_results about degraded copies: one per model, photo and variant. ``correct`` is 1, 0, or 0.5
    for a tie, so its mean over the rows of a model is the model's accuracy."""
    controls: pd.DataFrame
    """The other rows of unified_results: identical copies, and JPEG of quality 95. They enter no accuracy."""
    takeaways: str
    """What the intervals allow to conclude, as Markdown."""
    folder: Path | None
    """The folder of the store and the exports, None if nothing was kept."""
    page: str = field(repr=False)
    """report.html."""

    @property
    def table(self) -> pd.DataFrame:
        """The ranking: one row per model, the best first, with its places, accuracies and intervals."""
        return frames.ranking(self.summary)

    @property
    def baselines(self) -> pd.DataFrame:
        """The accuracy of judges that see no picture, or hardly; a model must beat the best of them."""
        return frames.baselines(self.summary)

    @property
    def by_type(self) -> pd.DataFrame:
        """The accuracy of each model on each type of damage, and its difference from the best baseline there."""
        return frames.by_type(self.summary)

    @property
    def by_level(self) -> pd.DataFrame:
        """The accuracy and the mean margin of each model at each level of damage, mild to severe."""
        return frames.by_level(self.summary)

    @property
    def comparisons(self) -> pd.DataFrame:
        """The paired difference of every two models, with p-values corrected for all pairs of models."""
        return frames.comparisons(self.summary)

    def plot(self) -> Figure:
        """Return the accuracy table in colours, with accuracy over severity; ``savefig`` of it writes a file."""
        return accuracy_figure(self.summary)

    def report(self, path: str | Path) -> Path:
        """Write the report as one HTML file that opens offline, and return its path.

        Raises:
            UsageError: If there is no such folder.
            DiskError: If the file cannot be written.
        """
        file = Path(path).expanduser()
        file = file / "report.html" if file.is_dir() else file
        if not file.parent.is_dir():
            raise UsageError(f"{path}: no such folder as {file.parent}")
        try:
            write_text(file, self.page)
        except OSError as error:
            raise DiskError(f"{file}: cannot be written ({error.strerror}); choose another folder") from error
        return file

    def __repr__(self) -> str:
        return f"{self._headline()}\n{self.table.to_string()}"

    def _repr_html_(self) -> str:
        from markupsafe import escape

        return f"<p>{escape(self._headline())}</p>{self.table.to_html()}"

    def _headline(self) -> str:
        """Return the size of the benchmark, and what is missing, on one line."""
        summary, failed = self.summary, self.summary.counts.pairs.failed
        variants = self.pairs.groupby("model_name")["degraded"].nunique().max() // max(1, summary.photos)
        sizes = {"model": len(summary.models), "photo": summary.photos}
        counts = [f"{size} {name}{'s' * (size != 1)}" for name, size in sizes.items()]
        counts.append(f"{variants} degraded copies of each")
        counts += [f"{failed} pairs failed"] * bool(failed)
        notes = [unfinished(summary.complete, summary.missing_shards)]
        notes += [f"{one_line(job.job)} failed: {one_line(job.error)}" for job in summary.failed_jobs]
        return "; ".join([", ".join(counts), *filter(None, notes)])
