"""report.html: one file that opens anywhere, offline, and says first what may be concluded and what may not."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from iqbench.reporting.blind_spots import unseen
from iqbench.reporting.diagnostics_plots import reliability, together
from iqbench.reporting.diagnostics_text import amount, warnings
from iqbench.reporting.table import accuracies, rule, type_order, unfinished
from iqbench.reporting.wording import one_line, percent
from iqbench.results.schema import Exhibit

FOLDER = Path(__file__).parent
SORTING = "report.js"
"""The one script of the page: it sorts tables. The page allows none but this very text."""

FIGURES = 63
"""Mistakes shown in one report, so that it stays a few megabytes however many models there are."""

Exhibits = Mapping[tuple[str, str, str], Exhibit]
"""Pictures by model fingerprint, photo sha256 and variant."""


def report(summary: dict[str, Any], picture: Path, exhibits: Exhibits) -> str:
    """Return the report as one HTML page that loads nothing from anywhere. The same input gives the same bytes.

    Names and error texts are strangers' words: everything is escaped, and the page allows no script but its own.

    Args:
        summary: As `iqbench.reporting.exports` makes it.
        picture: The PNG with accuracy by type and severity.
        exhibits: The pictures of the worst mistakes, as far as they were kept.
    """
    types = type_order(summary)
    script = (FOLDER / SORTING).read_text()
    return _page("report.html.j2").render(
        summary=summary,
        types=types,
        rule=rule(summary),
        unfinished=unfinished(summary).removeprefix("; "),
        warned={name: warnings(model) for name, model in summary["models"].items()},
        cells={name: accuracies(row, types) for name, row in (summary["models"] | summary["nulls"]).items()},
        unseen=unseen(summary),
        steps=_steps(summary),
        amount=amount,
        picture=_embedded(picture.read_bytes()),
        reliability=_embedded(reliability(summary)),
        together=_embedded(together(summary)) if summary["agreement"] else None,
        gallery=gallery(summary, exhibits),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def gallery(summary: dict[str, Any], exhibits: Exhibits) -> Markup:
    """Return the most confident mistakes of each model and type as HTML: to look at, with margin and level.

    Both photos stand side by side: whole, in detail at 100 %, and as the model saw them.

    Args:
        summary: As `iqbench.reporting.exports` makes it.
        exhibits: The pictures, as far as they were kept.
    """
    types = type_order(summary)
    shown = max(1, FIGURES // max(1, len(summary["models"]) * len(types)))
    models = []
    for one in summary["ranking"]:
        model = summary["models"][one["model"]]
        kinds = [
            {"name": kind, "wrong": found["wrong"], "pairs": found["pairs"]}
            | {"worst": [_exhibited(bad, kind, model, exhibits) for bad in found["worst"][:shown]]}
            for kind in types
            if (found := model["failures_by_type"].get(kind)) and found["worst"]
        ]
        models.append({"name": one["model"], "kinds": sorted(kinds, key=lambda kind: -kind["wrong"] / kind["pairs"])})
    return Markup(_page("gallery.html.j2").render(models=models))  # escaped by the template


def _exhibited(bad: dict[str, Any], kind: str, model: dict[str, Any], exhibits: Exhibits) -> dict[str, Any]:
    key = model["fingerprint"], bad["sha256"], f"{kind}/{bad['level']}"
    return bad | {"exhibit": exhibits.get(key)}


def _page(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own = {"percent": percent, "one_line": one_line, "spread": _spread, "points": _points, "p": _p}
    environment.filters |= own | {"jpeg": lambda data: _embedded(data, "jpeg")}
    return environment.get_template(name)


def _embedded(data: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()


def _steps(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each step of each ladder, with what each model that judged it reached."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for name, model in summary["models"].items():
        for ladder, steps in model["severity"].items():
            for step in steps:
                row = found.setdefault(
                    (ladder, step["severity"]), {"ladder": ladder, "level": step["level"], "models": {}}
                )
                row["models"][name] = step
    return [found[key] | {"severity": key[1]} for key in sorted(found)]


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
