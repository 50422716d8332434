"""The terms of report.html: what each means, for the tooltip where it stands and for the glossary at the end."""

import re

from markupsafe import Markup

TERMS = {
    "accuracy": "The share of pairs in which a model prefers the original to its degraded copy. 50 % is a coin.",
    "AUROC": "How well a model's confidence tells its right verdicts from its wrong ones: 0.5 is no better than "
    "chance, 1 is perfect (area under the receiver operating characteristic).",
    "averaged": "The accuracy of both models together, from the mean of their calibrated log-odds.",
    "baseline": "A judge that uses almost nothing of a photo: it prefers the larger file, more pixels, the brighter or "
    "the sharper photo, or always the first. A model must beat it before its accuracy means anything (also called a "
    "null model).",
    "blind spot": "A kind or level of damage that no model is shown to see.",
    "Brier score": "The mean squared error of the stated probabilities: 0 is perfect, 0.25 is a coin.",
    "calibrated": "Turned into a probability that holds on other photos: of the pairs with 80 %, four in five are "
    "right. The curve is always fitted on other photos than those it is used on.",
    "ceiling": "A baseline is at its ceiling where it is right so often that not even a perfect model could be shown "
    "to beat it.",
    "cluster": "Photos that are not independent, such as near-copies or a series. Intervals and tests count clusters, "
    "not photos.",
    "compositional": "Damage to the frame: crops, a tilted horizon. A crop can also improve a photo, so read it apart.",
    "corrected p": "The probability of such a result if there were no difference, corrected for the number of "
    "comparisons (step-down max-T, as Holm's method, but with the dependence of the comparisons). Below 0.05 a "
    "difference is called shown.",
    "corrected score": "Accuracy corrected for chance and for baselines: the mean accuracy where a baseline is right "
    "and where it is wrong, scaled so that 0 is a coin and 100 a perfect judge, of the baseline that gives the lowest.",
    "degradation type": "A kind of damage, such as blur or a cut-off edge.",
    "ECE": "Expected calibration error: how far stated probabilities are from the observed shares, in points.",
    "fingerprint": "A hash of the model's weights, settings and code. Two models of one fingerprint are the same.",
    "gMAD": "Group maximum differentiation competition (Ma et al., CVPR 2016): pairs of photos about which one model "
    "is sure and the other sees no difference.",
    "identity ties": "Pairs of a photo and an identical copy, in which a sound model has no preference.",
    "interval": "The range that holds the true value in 95 of 100 benchmarks of other photos like these. Two "
    "intervals may overlap although a difference is shown.",
    "Kendall’s tau": "Agreement of two orders, here of severity and preference: 1 is the same order, 0 none, -1 the "
    "reverse.",
    "ladder": "Levels of one damage in one direction, mild to severe.",
    "L-test": "Whether a model prefers the milder of two levels of the same damage.",
    "macro": "The mean over degradation types, each counted once however many levels it has.",
    "margin": "How much a model prefers the original: above 0 it is right, below 0 wrong. Its scale differs by model.",
    "misordered": "Of two neighbouring levels, compared directly, the model prefers the harsher one.",
    "order consistency": "The share of pairs in which a model keeps its verdict when the two photos are swapped.",
    "people": "The mean opinion of people about the same damage in KADID-10k, from 1, very annoying, to 5, "
    "imperceptible; ≈ is interpolated between two rated levels.",
    "place": "One plus the number of models that are shown to be better, up to the last place that is not excluded. "
    "Models that cannot be told apart share places.",
    "points": "Percentage points: from 80 % to 85 % are 5 points.",
    "precision": "The number format of the computation, such as fp32 or bf16.",
    "P-test": "How often the original of one photo is preferred to degraded copies of other photos.",
    "re-encoded": "Pairs of a photo and its JPEG of quality 95, which looks the same. A model that is right in nearly "
    "all of them detects compression, not damage.",
    "reliability": "Stated probabilities against observed shares. On the diagonal a model is as sure as it is right.",
    "repeat sample": "Pairs that were scored twice, to see whether a model repeats itself.",
    "semantic": "Damage to what the photo shows: its subject is removed, or its background changed.",
    "severity": "The position of a level on its ladder; 1 is the mildest.",
    "suite": "All kinds and levels of damage in a benchmark.",
    "technical": "Damage to the picture: compression, blur, noise, exposure, colour.",
    "threshold": "The amount of damage from which a model prefers the original in 75 % of pairs.",
    "tie": "No preference: the margin is too small to count.",
}
"""Every term that the report explains. A term that a template uses and this does not hold is an error."""


def anchor(term: str) -> str:
    """Return the id of a term's entry in the glossary.

    Example:
        >>> anchor("Kendall’s tau"), anchor("P-test")
        ('term-kendall-s-tau', 'term-p-test')
    """
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def term(name: str, text: str = "") -> Markup:
    """Return a term as a link to its entry in the glossary, with its meaning as a tooltip.

    Args:
        name: A key of `TERMS`.
        text: The words to show; by default the name.

    Example:
        >>> print(term("points"))
        <a class="term" href="#term-points" title="Percentage points: from 80 % to 85 % are 5 points.">points</a>

    Raises:
        KeyError: If the glossary does not hold the term.
    """
    link = '<a class="term" href="#{}" title="{}">{}</a>'
    return Markup(link).format(anchor(name), TERMS[name], text or name)


def used_terms(html: str) -> dict[str, str]:
    """Return the terms that a page uses, by name, in the order of the alphabet."""
    used = set(re.findall(r'<a class="term" href="#(term-[a-z0-9-]+)"', html))
    return {name: TERMS[name] for name in sorted(TERMS, key=str.lower) if anchor(name) in used}
