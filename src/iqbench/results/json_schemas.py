"""The published JSON schemas of the results. ``python -m iqbench.results.json_schemas`` writes them again."""

import json
from pathlib import Path

from iqbench.records import Record
from iqbench.results.evaluation_summary import EvaluationSummary
from iqbench.results.label_audit_summary import LabelAudit
from iqbench.results.resolution_summary import ResolutionSummary
from iqbench.results.summary import Summary

FOLDER = Path(__file__).parent / "schemas"

PUBLISHED: dict[str, type[Record]] = {
    "summary": Summary,
    "evaluation": EvaluationSummary,
    "label_audit": LabelAudit,
    "resolution": ResolutionSummary,
}
"""The models whose schemas are published, by the name of their file."""


def schema_files() -> dict[Path, str]:
    """Return the path and the content of each published schema."""
    files = {}
    for name, model in PUBLISHED.items():
        version = model.model_fields["schema_version"].default
        schema = json.dumps(model.model_json_schema(), indent=2, ensure_ascii=False)
        files[FOLDER / f"{name}.v{version}.json"] = schema + "\n"
    return files


def main() -> None:
    """Write all published schemas."""
    FOLDER.mkdir(exist_ok=True)
    for path, schema in schema_files().items():
        path.write_text(schema, encoding="utf-8")


if __name__ == "__main__":
    main()
