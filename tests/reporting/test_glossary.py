import re

from iqbench.reporting.glossary import TERMS, anchor, used_terms
from iqbench.reporting.html_templates import TEMPLATES

TEMPLATE_TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted(TEMPLATES.rglob("*.j2"))}
CALLS = [call for text in TEMPLATE_TEXTS.values() for call in re.findall(r'term\("(.+?)"', text)]

PLAIN = frozenset(
    re.findall(
        r"\w+",
        "model models type best lead verdict verdicts changed level all photos started trained on utc at "
        "least one right both only the first second neither same 0 to 100 place by minus difference in of a "
        "judge perfectly stated observed share pairs orders p original better originals above copies other "
        "largest change and damage control effect photos over finding ",
    )
)
"""Words in the headings of columns that need no explanation, or stand beside the term that is explained."""


def test_every_term_of_a_template_is_in_the_glossary_and_every_entry_is_used():
    assert set(CALLS) == set(TERMS)


def test_every_column_has_a_plain_heading_or_a_term_that_is_explained():
    heads = [head for text in TEMPLATE_TEXTS.values() for head in re.findall(r'<th scope="col">(.*?)</th>', text)]
    assert len(heads) > 40
    for head in heads:
        words = re.findall(r"[\w-]+", re.sub(r"\{\{.*?\}\}|\{%.*?%\}|<.*?>", " ", head).lower())
        assert set(words) <= PLAIN | known_words(), head


def known_words():
    """Return the words of terms that are explained in some heading."""
    return {word for term in CALLS for word in re.findall(r"[\w-]+", term.lower())}


def test_anchors_are_different():
    assert len({anchor(name) for name in TERMS}) == len(TERMS)


def test_a_page_lists_only_the_terms_that_it_uses():
    page = '<a class="term" href="#term-ece" title="x">ECE</a>'
    assert used_terms(page) == {"ECE": TERMS["ECE"]}


def test_definitions_are_sentences():
    assert all(text.endswith(".") and text[0].isupper() for text in TERMS.values())
