import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from iqbench.reporting.html import report
from made_rows import summary_of

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
    text = " ".join(" ".join(Page(report(summary, picture)).text).split())
    verdict = text.split("By kind of damage")[0]
    assert "a 1 85.0" in verdict
    assert "b 2 50.0" in verdict
    assert "a better" in verdict
    assert "b not shown to beat the best null model (always-first) on blur, jpeg" in verdict


def test_it_loads_nothing_and_runs_nothing(picture):
    page = Page(report(whole(summary_of({"a": {"blur": 0.9}})), picture))
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    sources = [value for name, value in page.attributes if name in ("src", "href", "srcset", "action")]
    assert len(sources) == 2
    assert all(value.startswith("data:image/png;base64,") for value in sources)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert any("default-src 'none'" in str(value) for _, value in page.attributes)


def test_names_and_errors_are_only_text(picture):
    failed = [{"job": HOSTILE, "error": HOSTILE, "exit_code": 1}]
    summary = summary_of({HOSTILE: {HOSTILE: 0.9}, "b": {HOSTILE: 0.5}})
    text = report(whole(summary, HOSTILE, failed_jobs=failed, complete=False), picture)
    page = Page(text)
    assert page.tags.count("img") == 2
    assert "script" not in page.tags
    assert "{{7*7}}" in " ".join(page.text)
    assert "INCOMPLETE" in text


def test_the_same_summary_gives_the_same_bytes(picture):
    first, again = (report(whole(summary_of({"a": {"blur": 0.9}})), picture) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("failed", [0, 3])
def test_one_photo_and_a_run_in_which_everything_failed_have_a_report(picture, failed):
    for photos in (1, 3):
        text = report(
            whole(summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.9}}, photos=photos, failed=failed)), picture
        )
        assert "nan" not in re.sub(r"base64,[^\"]*", "", text).lower()
        assert "None" not in Page(text).text


def test_every_picture_has_words_for_those_who_cannot_see_it(picture):
    page = Page(report(whole(summary_of({"a": {"blur": 0.9}})), picture))
    assert [len(value) > 20 for name, value in page.attributes if name == "alt"] == [True, True]
