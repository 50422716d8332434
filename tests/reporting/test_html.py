import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.reporting.gallery import GalleryPicture, figures_per_type
from iqbench.reporting.html import report_page
from iqbench.reporting.html_sections import SECTIONS, ReportContent
from iqbench.reporting.html_templates import TEMPLATES
from iqbench.results.summary import FailedJob, RunRecord

HOSTILE = "<img src=x onerror=alert(1)>&\"'{{7*7}}\n</td><script>"


class Page(HTMLParser):
    """The tags, attributes and text of a page, as a browser sees them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def report(tmp_path):
    """Render a summary as report.html, as exports do."""
    Image.new("RGB", (4, 4)).save(tmp_path / "accuracy.png")
    return lambda summary, pictures=(): report_page(
        ReportContent(with_run(summary), tmp_path / "accuracy.png", dict(pictures))
    )


def with_run(summary, name="a"):
    identity = {"model_name": name, "model_fingerprint": "0" * 12, "photos": ["./a"], "precision": "fp32"}
    identity |= {"versions": {"torch": "2"}}
    record = RunRecord(identity=identity, details={"trained_on": {"what": name}}, missing_shards=[])
    return summary if summary.runs else changed(summary, "", runs=[record])


def text_of(page):
    return " ".join(" ".join(Page(page).text).split())


def main_text(page):
    """Return the text below the contents list."""
    return text_of(page.split("<main>")[1])


def test_the_verdict_comes_first_and_has_its_numbers(report):
    page = report(summary_of({"a": {"blur": 0.9, "jpeg": 0.8}, "b": {"blur": 0.5, "jpeg": 0.5}}))
    verdict, comparisons = main_text(page).split("Accuracy by degradation type")[0].split("Paired comparisons")
    assert verdict.startswith("Benchmark of a and b a beats b with 40 photos. Of these, use a. Verdict")
    assert verdict.index("70.0") < verdict.index("Cautions")  # the table stands above the cautions
    assert "a 1 70.0" in verdict  # the corrected score, and the place by it
    assert "always-first 1 85.0" in verdict
    assert "b 2 0.0" in verdict
    assert "always-first 2 50.0" in verdict
    assert "b is not shown to beat the best baseline (always-first) on blur, jpeg" in verdict
    assert "a better" in comparisons


def test_it_loads_nothing_and_allows_no_script_but_its_own(report):
    text = report(summary_of({"a": {"blur": 0.9}}))
    page = Page(text)
    assert not {"link", "iframe", "object", "form"} & set(page.tags)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    policy = next(value for _, value in page.attributes if "default-src" in str(value))
    assert re.findall(r"script-src 'sha256-(.+?)'", policy) == [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    ]
    sources = [value for name, value in page.attributes if name in ("src", "srcset", "action")]
    links = [value for name, value in page.attributes if name == "href"]
    assert len(sources) == 2
    assert all(link.startswith("#") for link in links)
    assert {link.removeprefix("#") for link in links} <= {value for name, value in page.attributes if name == "id"}
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert any("default-src 'none'" in str(value) for _, value in page.attributes)


def test_names_and_errors_are_only_text(report):
    summary = summary_of({HOSTILE: {HOSTILE: 0.9}, "b": {HOSTILE: 0.5}})
    failed = [FailedJob(job=HOSTILE, error=HOSTILE, exit_code=1)]
    summary = changed(with_run(summary, HOSTILE), "", failed_jobs=failed, complete=False)
    text = report(summary)
    page = Page(text)
    assert page.tags.count("img") == 3
    assert page.tags.count("script") == 1
    assert text_of(text).count("{{7*7}}") > 10
    assert "INCOMPLETE" in text


def test_photos_that_share_a_cluster_are_a_caution_with_escaped_names(report):
    summary = summary_of({"a": {"blur": 0.9}}, photos=6)
    assert "data.cluster" not in text_of(report(summary))
    shared = {"clusters": 4, "photos": 6, "near_copies": 4, "examples": [(HOSTILE, "./2.png"), ("./3", "./4")]}
    text = report(changed(summary, "clusters", **shared))
    assert "6 photos in 4 clusters (4 are near-copies; data.cluster=look): intervals count clusters." in text_of(text)
    assert "and ./2.png; ./3 and ./4." in main_text(text).split("Accuracy by degradation type")[0]
    assert (Page(text).tags.count("img"), Page(text).tags.count("script")) == (2, 1)


def test_the_same_summary_gives_the_same_bytes(report):
    first, second = (report(summary_of({"a": {"blur": 0.9}})) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("failed", [0, 3])
def test_one_photo_and_a_run_in_which_everything_failed_have_a_report(report, failed):
    for photos in (1, 3):
        page = report(summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.9}}, photos=photos, failed=failed))
        assert not re.search(
            r"\bnan\b|\bNone\b",
            text_of(page.split("<script>")[0]).replace("None: on each", "").replace("None of the", ""),
        )


def test_every_picture_has_words_for_those_who_cannot_see_it(report):
    page = Page(report(summary_of({"a": {"blur": 0.9}})))
    assert [len(value) > 20 for name, value in page.attributes if name == "alt"] == [True, True]


def test_every_table_can_be_sorted_and_every_picture_has_one_under_it(report):
    text = report(summary_of({"a": {"blur": 0.9, "jpeg": 0.6}, "b": {"blur": 0.5, "jpeg": 0.7}}))
    assert text.count("<table") == text.count('<table class="sortable"') == text.count("<thead>")
    pictures = text.split('<div class="picture')[1:]
    assert len(pictures) == 3
    assert all("<table" in after.split("<h2")[0] for after in pictures)


def test_blind_spots_of_all_models_stand_with_the_verdict(report):
    page = report(summary_of({"a": {"blur": 0.9, "jpeg": 0.5}, "b": {"blur": 0.9, "jpeg": 0.4}}))
    verdict = main_text(page).split("Paired comparisons")[0]
    assert "all of JPEG compression: at best a, 50.0 %" in verdict
    assert "No model is right in 30.0 % of 80 pairs" in verdict


def test_sections_about_two_models_are_left_out_for_one(report):
    one_model, two_models = (report(summary_of({name: {"blur": 0.9} for name in names})) for names in ("a", "ab"))
    headings = [
        section.heading for section in SECTIONS if section.template not in ("p_test", "semantic")
    ]  # of models with a score, and damage with controls
    assert re.findall("<h2 id=.*?>(.*?)</h2>", two_models) == [*headings, "Glossary"]
    assert [
        name
        for name in re.findall("<h2 id=.*?>(.*?)</h2>", two_models)
        if name not in re.findall("<h2 id=.*?>(.*?)</h2>", one_model)
    ] == [
        "Paired comparisons of models",
        "Agreement of two models",
    ]


def test_every_section_has_its_template_and_every_template_its_section():
    templates = {path.name.removesuffix(".html.j2") for path in (TEMPLATES / "sections").iterdir()}
    assert templates == {section.template for section in SECTIONS}


def gallery_picture(name, about="40 x 30 px", **parts):
    names = [f"{part}_{side}" for part in ("whole", "detail", "input") for side in ("original", "degraded")]
    images = {part: f"{name} {part}".encode() for part in names}
    return GalleryPicture(name, "blur/1", **(images | parts), input_about=about)


def test_the_gallery_shows_both_photos_whole_in_detail_and_as_model_input(report):
    picture = gallery_picture("./39.png")
    page = Page(report(summary_of({"a": {"blur": 0.9}}), {("print of a", "./39.png", "blur/1"): picture}))
    images = [str(value) for name, value in page.attributes if name == "src" and "jpeg" in str(value)]
    assert [base64.b64decode(image.split(",")[1]) for image in images] == [
        picture.whole_original,
        picture.whole_degraded,
        picture.detail_original,
        picture.detail_degraded,
        picture.input_original,
        picture.input_degraded,
    ]
    text = " ".join(" ".join(page.text).split())
    assert "blur : 4 of 40 wrong" in text
    assert "./39.png , blur 1 (severity 1): margin -1" in text
    assert "input of a: 40 x 30 px" in text
    assert text.count("No picture stored") == 3


def test_an_input_that_is_no_picture_is_shown_as_numbers(report):
    numbers = gallery_picture("./39.png", "sharpness 0.5 and <b>", input_original=None, input_degraded=None)
    text = report(summary_of({"a": {"blur": 0.9}}), {("print of a", "./39.png", "blur/1"): numbers})
    assert "sharpness 0.5 and &lt;b&gt;" in text


@pytest.mark.parametrize(("models", "each"), [(2, 4), (3, 4), (4, 3), (6, 2)])
def test_all_kept_mistakes_are_shown_unless_there_are_too_many(report, models, each, monkeypatch):
    monkeypatch.setattr("iqbench.reporting.gallery.MAX_FIGURES", 24)
    summary = summary_of({f"m{number}": {"blur": 0.5, "jpeg": 0.5} for number in range(models)}, photos=20)
    page = report(summary)
    assert page.count("<figure>") == models * 2 * each <= 24
    assert (f"Up to {each} of the 4 mistakes" in page) is (each < 4)


def test_a_type_with_few_mistakes_leaves_its_room_to_others(monkeypatch):
    monkeypatch.setattr("iqbench.reporting.gallery.MAX_FIGURES", 6)
    summary = summary_of({"a": {"blur": 0.5, "jpeg": 0.95, "crop_edge": 1.0}}, photos=20)
    assert figures_per_type(summary) == 4  # four of blur, one of jpeg, none of crop_edge
    monkeypatch.setattr("iqbench.reporting.gallery.MAX_FIGURES", 4)
    assert figures_per_type(summary) == 3


def test_headings_are_in_order_and_every_table_has_headings_of_columns_and_rows(report):
    text = report(summary_of({"a": {"blur": 0.9, "jpeg": 0.6}, "b": {"blur": 0.5, "jpeg": 0.7}}))
    levels = [int(level) for level in re.findall(r"<h([1-6])", text)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    heads = re.findall(r"<thead>(.*?)</thead>", text, re.DOTALL)
    assert all("<th>" not in head and 'scope="col"' in head for head in heads)
    rows = re.findall(r"<tr[^>]*><(t[hd])([^>]*)>", "".join(re.split(r"<thead>.*?</thead>", text, flags=re.DOTALL)))
    assert {(cell, scope.strip()) for cell, scope in rows} == {("th", 'scope="row"')}
    assert text.startswith('<!doctype html>\n<html lang="en">')


def luminance(colour):
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * channel for weight, channel in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_text_has_the_contrast_of_wcag_aa_in_both_schemes():
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", root)) for root in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(schemes) == 3  # light, dark, print
    for scheme in schemes[:2]:
        for ink in ("ink", "faint", "bad", "good", "link"):
            for ground in ("paper", "card"):
                light, dark = sorted((luminance(scheme[ink]), luminance(scheme[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground)
