"""Pairs on which two models disagree, in the report."""

import pytest

from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.benchmark.comparison_pictures import key_of
from iqbench.reporting.comparisons import comparison_figures
from iqbench.reporting.diagnostics_text import diagnostic_lines
from iqbench.reporting.html_sections import SECTIONS, ReportContent
from iqbench.results.comparison_pictures import ComparisonPicture
from iqbench.results.model_agreement import Disagreement, GmadPair
from iqbench.results.model_summary import CrossPhotoStep

HOSTILE = "<img src=x onerror=alert(1)>\n{{7*7}}"
COPY = {"degradation_type": "blur", "ladder": "blur", "level": "4.0", "severity": 3}
OWN = Disagreement(photo="./x.png", sha256="x", **COPY, probability_a=0.971, probability_b=0.2)
OTHER = {"photo": "./x.png", "sha256": "x", "original": HOSTILE, "original_sha256": "y", **COPY}
GMAD = GmadPair(defender="b", **OTHER, probability_a=0.04, probability_b=0.52)


@pytest.fixture
def summary():
    models = summary_of({"a": {"blur": 0.9}, HOSTILE: {"blur": 0.5}}, photos=6)
    return changed(models, "", agreement=[changed(models.agreement[0], "", disagreements=[OWN], gmad=[GMAD])])


def picture(pair):
    return ComparisonPicture(*key_of(pair), b"1", b"2", b"3", b"4")


def section(summary, template, tmp_path, pictures=None):
    (body,) = [section.body for section in SECTIONS if section.template == template]
    return body(ReportContent(summary, tmp_path / "none.png", {}, pictures or {}))


def test_each_pair_has_both_verdicts_and_its_pictures(summary):
    name = "<img src=x onerror=alert(1)> {{7*7}}"
    groups = comparison_figures(summary.agreement[0], {key_of(OWN): picture(OWN)})
    assert [heading for heading, _ in groups] == [
        "A photo and its own copy: opposite verdicts",
        f"Different photos: {name} sees no difference, a is sure",
    ]
    (own,), (gmad,) = (figures for _, figures in groups)
    assert own.title == "./x.png and its copy, blur 4.0 (severity 3)"
    assert own.verdicts == ["a prefers the original (97.1 %)", f"{name} prefers the copy (80.0 %)"]
    assert own.picture == picture(OWN)
    assert gmad.title == f"{name} and a copy of ./x.png, blur 4.0 (severity 3)"
    assert gmad.verdicts == ["a prefers the copy (96.0 %)", f"{name} sees no difference (original better: 52.0 %)"]
    assert gmad.picture is None


def test_the_page_shows_four_pictures_of_a_pair_or_says_that_there_are_none(summary, tmp_path):
    page = section(summary, "agreement", tmp_path, {key_of(OWN): picture(OWN)})
    assert page.count("data:image/jpeg") == 4
    assert page.count("No picture stored.") == 1
    assert "<img src=x" not in page
    assert "{{7*7}}" in page


def test_the_p_test_says_which_models_are_judged_on_a_sample(tmp_path):
    models = summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.9}}, photos=6)
    for name, photos, sampled in (("a", 32, True), ("b", 50, False)):
        step = CrossPhotoStep(accuracy=0.8, severity=1, photos=photos, sampled=sampled)
        models = changed(models, f"models.{name}", p_test={"blur": [step]})
    page = section(models, "p_test", tmp_path)
    assert "a<small>a sample of 32 photos</small>" in page
    assert "b<small>all 50 photos</small>" in page
    lines = {name: " ".join(diagnostic_lines(model)) for name, model in models.models.items()}
    assert "copies of other photos (a sample of 32 photos): blur 80.0 %" in lines["a"]
    assert "copies of other photos (all 50 photos)" in lines["b"]
