import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from fixtures.verdict_tables import summary_of
from iqbench.reporting.html import report
from iqbench.results.schema import Exhibit

HOSTILE = "<img src=x onerror=alert(1)>&\"'{{7*7}}\n</td><script>"


class Page(HTMLParser):
    """What a browser would see of a page: its tags, and its text."""

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
def picture(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "accuracy.png")
    return tmp_path / "accuracy.png"


def whole(summary, name="a", **more):
    """The summary as exports make it, which knows of runs and failed jobs."""
    identity = {"model_name": name, "model_fingerprint": "0" * 12, "photos": ["./a"], "precision": "fp32"}
    run = {"identity": identity | {"versions": {"torch": "2"}}, "details": {"trained_on": {}}}
    return summary | {"iqbench": "0", "complete": True, "failed_jobs": [], "runs": [run]} | more


def test_the_verdict_comes_first_and_has_its_numbers(picture):
    summary = whole(summary_of({"a": {"blur": 0.9, "jpeg": 0.8}, "b": {"blur": 0.5, "jpeg": 0.5}}))
    text = " ".join(" ".join(Page(report(summary, picture, {})).text).split())
    verdict = text.split("By kind of damage")[0]
    assert "a 1 85.0" in verdict
    assert "b 2 50.0" in verdict
    assert "a better" in verdict
    assert "b not shown to beat the best null model (always-first) on blur, jpeg" in verdict


def test_it_loads_nothing_and_allows_no_script_but_its_own(picture):
    text = report(whole(summary_of({"a": {"blur": 0.9}})), picture, {})
    page = Page(text)
    assert not {"link", "iframe", "object", "form"} & set(page.tags)
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    policy = next(value for _, value in page.attributes if "default-src" in str(value))
    assert re.findall(r"script-src 'sha256-(.+?)'", policy) == [
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    ]
    sources = [value for name, value in page.attributes if name in ("src", "href", "srcset", "action")]
    assert len(sources) == 2
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert any("default-src 'none'" in str(value) for _, value in page.attributes)


def test_names_and_errors_are_only_text(picture):
    failed = [{"job": HOSTILE, "error": HOSTILE, "exit_code": 1}]
    summary = summary_of({HOSTILE: {HOSTILE: 0.9}, "b": {HOSTILE: 0.5}})
    text = report(whole(summary, HOSTILE, failed_jobs=failed, complete=False), picture, {})
    page = Page(text)
    assert page.tags.count("img") == 3
    assert page.tags.count("script") == 1
    assert "{{7*7}}" in " ".join(page.text)
    assert "INCOMPLETE" in text


def test_the_same_summary_gives_the_same_bytes(picture):
    first, again = (report(whole(summary_of({"a": {"blur": 0.9}})), picture, {}) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("failed", [0, 3])
def test_one_photo_and_a_run_in_which_everything_failed_have_a_report(picture, failed):
    for photos in (1, 3):
        text = report(
            whole(summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.9}}, photos=photos, failed=failed)), picture, {}
        )
        said = " ".join(Page(text.split("<script>")[0]).text)
        assert not re.search(r"\bnan\b|\bNone\b", said)


def test_every_picture_has_words_for_those_who_cannot_see_it(picture):
    page = Page(report(whole(summary_of({"a": {"blur": 0.9}})), picture, {}))
    assert [len(value) > 20 for name, value in page.attributes if name == "alt"] == [True, True]


def test_every_table_can_be_sorted_and_every_picture_has_one_under_it(picture):
    text = report(whole(summary_of({"a": {"blur": 0.9, "jpeg": 0.6}, "b": {"blur": 0.5, "jpeg": 0.7}})), picture, {})
    assert text.count("<table") == text.count('<table class="sortable"') == text.count("<thead>")
    pictures = text.split('<div class="picture')[1:]
    assert len(pictures) == 3
    assert all("<table" in after.split("<h2>")[0] for after in pictures)


def test_what_nobody_sees_is_said_with_the_verdict(picture):
    summary = whole(summary_of({"a": {"blur": 0.9, "jpeg": 0.5}, "b": {"blur": 0.9, "jpeg": 0.4}}))
    verdict = " ".join(" ".join(Page(report(summary, picture, {})).text).split()).split("Is the difference")[0]
    assert "What nobody sees all of jpeg: at best a, 50.0 %" in verdict
    assert "No model is right in 30.0 % of 80 pairs" in verdict


def exhibit(name, about="40 x 30 px", **more):
    parts = [f"{part}_{side}" for part in ("whole", "detail", "input") for side in ("original", "degraded")]
    return Exhibit(name, "blur/1", **({part: f"{name} {part}".encode() for part in parts} | more), input_about=about)


def test_the_gallery_shows_both_photos_whole_in_detail_and_as_the_model_saw_them(picture):
    summary = whole(summary_of({"a": {"blur": 0.9}}))
    shown = exhibit("./39.png")
    page = Page(report(summary, picture, {("print of a", "./39.png", "blur/1"): shown}))
    pictures = [str(value) for name, value in page.attributes if name == "src" and "jpeg" in str(value)]
    assert [base64.b64decode(one.split(",")[1]) for one in pictures] == [
        shown.whole_original,
        shown.whole_degraded,
        shown.detail_original,
        shown.detail_degraded,
        shown.input_original,
        shown.input_degraded,
    ]
    text = " ".join(" ".join(page.text).split())
    assert "blur : 4 of 40 wrong" in text
    assert "./39.png , blur 1 (severity 1): margin -1" in text
    assert "as a saw them: 40 x 30 px" in text
    assert text.count("No picture of it was kept") == 3


def test_an_input_that_is_no_picture_is_told_in_numbers(picture):
    numbers = exhibit("./39.png", "sharpness 0.5 and <b>", input_original=None, input_degraded=None)
    text = report(whole(summary_of({"a": {"blur": 0.9}})), picture, {("print of a", "./39.png", "blur/1"): numbers})
    assert "sharpness 0.5 and &lt;b&gt;" in text


def test_more_models_show_fewer_mistakes_each(picture):
    def shown(models):
        summary = summary_of({name: {"blur": 0.5, "jpeg": 0.5} for name in models}, photos=20)
        return report(whole(summary), picture, {}).count("<figure>")

    assert shown("ab") == 2 * 2 * 4
    assert shown("abcdefghijklmnopqrstuvwxyzABCDEFGH") == 34 * 2
