"""report.html: one file that opens anywhere, offline, and says first what may be concluded and what may not."""

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from iqbench.reporting.evidence_lines import amount, warnings
from iqbench.reporting.plots import FAINT, INK, LINES, MARKERS, drawable
from iqbench.reporting.table import accuracies, rule, type_order, unfinished
from iqbench.reporting.wording import one_line, percent

TEMPLATE = Path(__file__).with_name("report.html.j2")


def report(summary: dict[str, Any], picture: Path) -> str:
    """Return the report as one HTML page that loads nothing from anywhere. The same input gives the same bytes.

    Names and error texts are strangers' words: everything is escaped, and the page allows no script at all.

    Args:
        summary: As `iqbench.reporting.exports` makes it.
        picture: The PNG with accuracy by type and severity.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "one_line": one_line, "spread": _spread, "points": _points, "p": _p}
    types = type_order(summary)
    return environment.get_template(TEMPLATE.name).render(
        summary=summary,
        types=types,
        rule=rule(summary),
        unfinished=unfinished(summary).removeprefix("; "),
        warned={name: warnings(model) for name, model in summary["models"].items()},
        cells={name: accuracies(row, types) for name, row in (summary["models"] | summary["nulls"]).items()},
        amount=amount,
        picture=_embedded(picture.read_bytes()),
        reliability=_embedded(_reliability(summary)),
    )


def _embedded(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _reliability(summary: dict[str, Any]) -> bytes:
    """Return a PNG of how often the original is better where a model says so with a certain probability."""
    figure = Figure(figsize=(5.2, 4.4), dpi=130, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=FAINT, linewidth=0.8, linestyle=(0, (4, 3)))
    for at, (name, model) in enumerate(summary["models"].items()):
        bins = model["confidence"]["bins"]
        said, right = ([one[key] for one in bins] for key in ("mean_probability", "share_right"))
        (line,) = axes.plot(said, right, label=drawable(name), linewidth=1.6, markersize=4.5)
        line.set(color=LINES[at % len(LINES)], marker=MARKERS[at % len(MARKERS)])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel("said: P(original better)", color=INK)
    axes.set_ylabel("found: share of pairs", color=INK)
    axes.grid(color="#e6e6e6", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9)
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _spread(one: dict[str, Any], scale: float = 100.0) -> str:
    """Return an interval, nothing where there is none."""
    if one.get("interval") is None:
        return ""
    low, high = one["interval"]
    if scale == 1:
        return f"{low:.2f} to {high:.2f}"
    return f"{scale * low:.1f} to {scale * high:.1f}" if low < 0 else f"{scale * low:.1f}–{scale * high:.1f}"


def _points(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:+.1f}"


def _p(one: dict[str, Any]) -> str:
    return "–" if one["p_holm"] is None else "< 0.001" if one["p_holm"] < 0.001 else f"{one['p_holm']:.2g}"
