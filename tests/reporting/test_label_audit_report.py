import io
import json

import pytest
from rich.console import Console

from fixtures.label_tables import examined, pair_table, vote_table
from iqbench.label_audit.dataset_statistics import split_statistics
from iqbench.reporting.label_audit_report import conclusion, print_audit, write_audit
from iqbench.results.label_audit_summary import Finding, LabelAudit, SharpnessAgreement


def printed(audit, width=120):
    console = Console(file=io.StringIO(), width=width)
    print_audit(audit, console)
    return console.file.getvalue().splitlines()


def audit_with(*texts, severity="warning", table=None, **sharpness):
    table = table if table is not None else pair_table("a>b", "b>c", "a=c")
    measured = SharpnessAgreement(**sharpness) if sharpness else None
    return LabelAudit(
        iqbench="1",
        data="x",
        settings={},
        refused=texts if severity == "refused" else [],
        warnings=len(texts) if severity == "warning" else 0,
        findings=[Finding(severity=severity, about="x", text=text) for text in texts],
        splits={"train": split_statistics(table, examined(table, lost="c"), measured)},
    )


def cells(lines, heading):
    (line,) = (line for line in lines if line.strip().startswith(heading))
    return line.strip().removeprefix(heading).split()


def test_the_table_says_what_there_is():
    lines = printed(audit_with(measure="accuracy", value=0.561))
    assert cells(lines, "pairs") == ["3"]
    assert cells(lines, "photos that cannot be used") == ["1", "corrupt"]
    assert cells(lines, "labels lost with them") == ["2"]
    assert cells(lines, "no winner") == ["1"]
    assert cells(lines, "a constant answer is right, %") == ["100.0"]
    assert cells(lines, "people agree, at least 70 %") == ["2"]
    assert cells(lines, "sharpness alone is right, %") == ["56.1"]


def test_the_table_of_votes_does_too():
    lines = printed(audit_with(table=vote_table(a=6, b=4, c=7), measure="srcc", value=None))
    assert cells(lines, "photos with votes") == ["3"]
    assert cells(lines, "votes per photo") == ["10", "(10", "to", "10)"]
    assert cells(lines, "mean vote") == ["5.67"]
    assert cells(lines, "good (mean above 5), %") == ["66.7"]
    assert cells(lines, "sharpness alone, SRCC") == ["–"]


def test_what_was_not_measured_has_no_row():
    assert not any("sharpness" in line for line in printed(audit_with()))
    assert "–" in " ".join(printed(audit_with(table=vote_table())))


def test_a_finding_is_one_line_whatever_it_says():
    name = "./[bold]x[/bold]\n" + 300 * "y"
    *_, finding, last = printed(audit_with(f"such as {name}"), width=60)
    assert finding == "warning such as ./[bold]x[/bold] " + 300 * "y"
    assert last == "no fault found in the labels; 1 warning above"


@pytest.mark.parametrize(("texts", "last"), [(("a",), "refused a"), (("a", "b"), "refused b")])
def test_refused_labels_are_not_said_to_be_sound(texts, last):
    assert printed(audit_with(*texts, severity="refused"))[-1] == last


def test_the_file_is_strict_json_and_can_be_read_back(tmp_path):
    audit = audit_with("a", measure="accuracy", value=0.5)
    write_audit(audit, tmp_path)
    assert json.loads((tmp_path / "doctor.json").read_text())["warnings"] == 1
    assert LabelAudit.model_validate_json((tmp_path / "doctor.json").read_bytes()) == audit
    with pytest.raises(ValueError, match="finite"):
        audit_with("a", measure="accuracy", value=float("nan"))
    assert [file.name for file in tmp_path.iterdir()] == ["doctor.json"]


def test_the_last_line_names_the_first_reason_for_a_refusal_and_the_number_of_others():
    assert conclusion(audit_with()) == "no fault found in the labels"
    assert conclusion(audit_with("a", "b", severity="refused")) == "refused: a (and 1 more)"
