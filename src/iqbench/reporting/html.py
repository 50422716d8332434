"""report.html: one file that opens offline. It runs no script but its own and loads nothing."""

import base64
import hashlib

from markupsafe import Markup

from iqbench.reporting.cluster_notice import cluster_notice
from iqbench.reporting.html_sections import SECTIONS, ReportContent
from iqbench.reporting.html_templates import TEMPLATES, render
from iqbench.reporting.table import tie_rule, unfinished

SORTING_SCRIPT = "report.js"
"""The script that sorts tables. The content security policy allows only its hash."""


def report_page(content: ReportContent) -> str:
    """Return the report as an HTML page. The same content gives the same bytes.

    Names and error texts come from strangers: all of them are escaped, and the page allows no script but its own.
    """
    summary = content.summary
    script = (TEMPLATES / SORTING_SCRIPT).read_text(encoding="utf-8")
    return render(
        "report.html.j2",
        summary=summary,
        tie_rule=tie_rule(summary.protocol),
        notice=unfinished(summary.complete, summary.missing_shards),
        cluster_notice=cluster_notice(summary.clusters),
        sections=[(section.heading, section.body(content)) for section in SECTIONS if section.applies(summary)],
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
