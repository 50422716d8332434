"""The Jinja templates of report.html, and the filters that format numbers in them."""

import base64
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from iqbench.reporting.glossary import anchor, term
from iqbench.reporting.text_format import one_line, p_value, percent, points
from iqbench.statistics.estimate import Estimate

TEMPLATES = Path(__file__).parent


def render(template: str, **values: Any) -> Markup:
    """Return a rendered template. Every value is escaped, and an unknown name is an error."""
    return Markup(_environment().get_template(template).render(**values))  # escaped by the template


def data_uri(data: bytes, kind: str = "png") -> str:
    """Return an image as a data URI, so that the page loads no file."""
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "points": points,
        "p": p_value,
        "one_line": one_line,
        "interval": interval,
        "interval2": interval_in_decimals,
        "cell": cell,
        "estimate": Estimate.of_fields,
        "jpeg": lambda data: data_uri(data, "jpeg"),
        "anchor": anchor,
    }
    environment.globals["term"] = term
    return environment


def cell(estimate: Estimate) -> Markup:
    """Return a share in percent with its interval in small print.

    Example:
        >>> print(cell(Estimate(value=0.5, interval=(0.25, 0.75))))
        50.0<small>25.0–75.0</small>
    """
    return Markup("{}<small>{}</small>").format(percent(estimate.value), interval(estimate))


def interval(estimate: Estimate) -> str:
    """Return an interval in percent, and "" where there is none.

    Example:
        >>> interval(Estimate(value=0.5, interval=(0.25, 0.75))), interval(Estimate(value=0.5, interval=(-0.1, 0.75)))
        ('25.0–75.0', '-10.0 to 75.0')
    """
    if estimate.interval is None:
        return ""
    return (" to " if estimate.interval[0] < 0 else "–").join(map(percent, estimate.interval))


def interval_in_decimals(estimate: Estimate) -> str:
    """Return an interval with two decimals, and "" where there is none."""
    return "" if estimate.interval is None else " to ".join(f"{end:.2f}" for end in estimate.interval)
