"""report.html: one file that opens offline. It runs no script but its own and loads nothing."""

import base64
import hashlib

from markupsafe import Markup

from iqbench.reporting.glossary import used_terms
from iqbench.reporting.headline import headline
from iqbench.reporting.html_sections import SECTIONS, ReportContent
from iqbench.reporting.html_templates import TEMPLATES, render
from iqbench.reporting.notices import baseline_text, unfinished
from iqbench.reporting.text_format import and_list

SCRIPT, STYLE = "report.js", "report.css"
"""The script of the page (the content security policy allows only its hash) and its style sheet."""


def report_page(content: ReportContent) -> str:
    """Return the report as an HTML page: the headline, the sections, and a glossary of the terms in them.

    The same content gives the same bytes. Names and error texts come from strangers: all of them are escaped, and the
    page allows no script but its own.
    """
    summary = content.summary
    script, style = ((TEMPLATES / name).read_text(encoding="utf-8") for name in (SCRIPT, STYLE))
    sections = [section for section in SECTIONS if section.applies(summary)]
    bodies = {section.template: section.body(content) for section in sections}
    return render(
        "report.html.j2",
        summary=summary,
        headline=headline(summary),
        baseline=baseline_text(summary),
        names=and_list(list(summary.models), "models"),
        notice=unfinished(summary.complete, summary.missing_shards),
        sections=sections,
        bodies=bodies,
        glossary=used_terms("".join(bodies.values())),
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
