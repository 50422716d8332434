import re

from fixtures.verdict_tables import frame, row, summarized, summary_of
from iqbench.reporting.paper import latex_table, write_paper


def rows_of(text):
    """Return the cells of each row of a LaTeX table, without its commands for layout."""
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0]
    lines = [line.removesuffix(r" \\") for line in body.splitlines() if line.endswith(r" \\")]
    return [[cell.strip() for cell in line.split(" & ")] for line in lines]


def test_the_latex_table_holds_the_numbers_of_the_summary():
    summary = summary_of({"a": {"blur": 0.9, "jpeg": 0.5}}, baselines=[("random", 0.5)])
    heading, model, baseline = rows_of(latex_table(summary))
    assert heading == ["", "all", "corr.", "macro", "jpeg", "blur"]
    low, high = (f"{100 * end:.1f}" for end in summary.models["a"].overall.interval)
    assert model[0] == "a"
    assert f"70.0 \\\\ {{\\scriptsize [{low}, {high}]}}" in model[1]
    assert model[3:] == ["70.0", "50.0", "90.0"]
    assert baseline == ["baseline: random", "50.0", "–", "50.0", "50.0", "50.0"]


def test_baselines_stand_below_a_rule_of_their_own():
    summary = summary_of({"a": {"blur": 0.9}}, baselines=[("random", 0.5)])
    assert latex_table(summary).count(r"\midrule") == 2
    assert latex_table(summary_of({"a": {"blur": 0.9}})).count(r"\midrule") == 1


def test_only_a_model_that_is_shown_to_be_the_best_is_bold():
    apart = latex_table(summary_of({"a": {"blur": 0.95}, "b": {"blur": 0.1}}))
    alike = latex_table(summary_of({"a": {"blur": 0.6}, "b": {"blur": 0.55}}))
    assert re.findall(r"\\textbf\{(.*?)\}", apart) == ["95.0"]
    assert "textbf" not in alike


def test_names_cannot_break_the_latex_table():
    hostile = "a_b & 50% $x$ #1 {\\bad}\n~^"
    summary = summarized(frame([row(hostile, f"./{at}.png", "own_&_type", "1", 1.0) for at in range(3)]))
    heading, model = rows_of(latex_table(summary))
    assert len(heading) == len(model) == 5
    assert model[0] == (r"a\_b \& 50\% \$x\$ \#1 \{\textbackslash bad\} \textasciitilde \textasciicircum ".strip())
    assert heading[4] == r"\shortstack[r]{own\\\&\\type}"


def test_vector_figures_keep_their_text_and_their_bytes(tmp_path):
    summary = summary_of({"siamese": {"blur": 0.9, "jpeg": 0.5}})
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
        write_paper(summary, folder, ["svg", "pdf"])
    first, again = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert first == again
    assert b">siamese</text>" in first["ladders.svg"]
    assert first["accuracy.pdf"].startswith(b"%PDF")
