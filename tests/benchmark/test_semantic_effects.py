"""The effect of a damage beyond its control: paired by photo, with what cannot be made left out."""

import numpy as np
import pytest

from fixtures.verdict_tables import frame, row, sample_of, summary_of_table
from iqbench.benchmark.semantic_effects import NO_PHOTO, semantic_effects
from iqbench.reporting.frames import semantic_effects as table_of
from iqbench.reporting.run_facts import inapplicable_text
from iqbench.reporting.semantic_text import effect_lines
from iqbench.reporting.takeaways import takeaways
from iqbench.results.semantic_summary import SemanticEffect

KIND = "remove_subject"


def damage(photo: int, margin: float, level: str = "100pct", model: str = "a", **more: object) -> dict[str, object]:
    severity = {"33pct": 1, "100pct": 2}[level]
    return row(model, f"./{photo}.png", KIND, level, margin, severity, degradation_group="semantic", **more)


def control(
    photo: int, margin: float, kind: str = "hole", of: str = "100pct", model: str = "a", **more: object
) -> dict[str, object]:
    facts = {"degradation_group": "control", "ladder": f"{KIND}/control/{kind}" + (f"/{of}" if of else "")}
    return row(model, f"./{photo}.png", KIND, f"{kind}_{of}", margin, **facts, **more)


def effects(rows: list[dict[str, object]]) -> list[SemanticEffect]:
    return semantic_effects(sample_of(frame(rows)))["a"]


def test_the_effect_is_the_share_over_the_damage_minus_the_share_over_the_control() -> None:
    rows = [damage(at, 1 if at < 9 else -1) for at in range(10)]
    rows += [control(at, (1, 1, 1, 0, -1, -1, -1, -1, -1, -1)[at]) for at in range(10)]
    (effect,) = effects(rows)
    assert (effect.degradation_type, effect.level, effect.control, effect.photos) == (KIND, "100pct", "hole", 10)
    assert effect.over_damage.value == pytest.approx(0.9)
    assert effect.over_control.value == pytest.approx(0.35)  # three right, one tie
    assert effect.value == pytest.approx(0.55)
    assert effect.interval is not None
    assert effect.interval[0] < 0.55 < effect.interval[1]
    assert effect.shown


def test_only_photos_count_of_which_both_the_damage_and_the_control_were_judged() -> None:
    rows = [damage(at, 1) for at in range(12)] + [control(at, -1) for at in range(6)]
    gone = {"status": "not_applicable", "error": "no room for a hole: it fits nowhere"}
    rows += [control(at, 0, **gone) for at in range(6, 12)]
    rows += [damage(at, 0, status="not_applicable") for at in range(12, 20)] + [control(at, 1) for at in range(12, 20)]
    (effect,) = effects(rows)
    assert (effect.photos, effect.n, effect.value) == (6, 6, 1.0)
    assert (effect.over_damage.n, effect.over_control.n) == (6, 6)


def test_a_control_that_fits_no_photo_has_the_reason_and_one_photo_has_no_interval() -> None:
    none = [damage(0, 1), damage(1, 1), control(0, 0, status="not_applicable"), control(1, 0, status="not_applicable")]
    (effect,) = effects(none)
    assert (effect.value, effect.reason, effect.interval_reason, effect.p_reason) == (None, *[NO_PHOTO] * 3)
    (effect,) = effects([*none, damage(2, 1), control(2, -1)])
    assert (effect.value, effect.interval) == (1.0, None)
    assert "two photos" in str(effect.interval_reason)


def test_levels_have_their_own_control_or_share_one_and_there_is_a_total_over_them() -> None:
    rows = [damage(at, 1, level) for at in range(8) for level in ("33pct", "100pct")]
    rows += [control(at, -1, of="33pct") for at in range(8)] + [control(at, 1, of="100pct") for at in range(8)]
    rows += [control(at, 0, "pasted", "") for at in range(8)]
    found = {(effect.control, effect.level): effect.value for effect in effects(rows)}
    assert found == {
        ("hole", None): 0.5,
        ("hole", "33pct"): 1.0,
        ("hole", "100pct"): 0.0,
        ("pasted", None): 0.5,
        ("pasted", "33pct"): 0.5,
        ("pasted", "100pct"): 0.5,
    }


def test_p_is_corrected_for_all_models_levels_and_controls() -> None:
    random = np.random.default_rng(0)
    rows = []
    for model in "ab":
        for at in range(9):
            rows += [damage(at, random.choice([-1, 1, 1]), level, model) for level in ("33pct", "100pct")]
            rows += [control(at, random.choice([-1, 1]), kind, "", model) for kind in ("hole", "pasted")]
    found = semantic_effects(sample_of(frame(rows)))
    assert [len(of_model) for of_model in found.values()] == [6, 6]
    for effect in [*found["a"], *found["b"]]:
        assert effect.p is not None
        assert effect.p_corrected is not None
        assert effect.p <= effect.p_corrected


def test_the_controls_are_in_no_accuracy_and_what_cannot_be_made_is_counted_apart_from_failures() -> None:
    rows = [damage(at, 1) for at in range(6)] + [control(at, -1) for at in range(6)]
    rows += [row("a", f"./{at}.png", "control", "identity", 0) for at in range(6)]
    reasons = ["no clear subject: 50 %", "no clear subject: 41 %", "removal not convincing: 0.4"]
    rows += [damage(6 + at, 0, status="not_applicable", error=error) for at, error in enumerate(reasons)]
    rows += [damage(9, 0, status="corrupt", error="truncated")]
    summary = summary_of_table(frame(rows))
    model = summary.models["a"]
    assert (model.overall.value, model.overall.n, model.macro.value) == (1.0, 6, pytest.approx(1.0))
    assert (model.overall.failed, model.overall.not_applicable) == (1, 3)
    counts = summary.counts.pairs
    assert (counts.planned, counts.ok, counts.failed, counts.not_applicable) == (10, 6, 1, 3)
    assert model.failures == {"corrupt": 1}
    assert model.not_applicable == {KIND: {"no clear subject": 2, "removal not convincing": 1}}
    assert inapplicable_text(summary) == [f"{KIND}, 3 pairs (no clear subject: 2; removal not convincing: 1)"]
    text = takeaways(summary)
    assert "Failed: 1 pairs" in text
    assert f"Not applicable, and no failure: {KIND} (no clear subject: 2; removal not convincing: 1 pairs)" in text
    assert "1 of 10 pairs failed" in text


def test_the_effects_are_told_with_their_numbers_and_exported() -> None:
    rows = [damage(at, 1, level) for at in range(10) for level in ("33pct", "100pct")]
    rows += [control(at, -1, of=of) for at in range(10) for of in ("33pct", "100pct")]
    summary = summary_of_table(frame(rows))
    (line,) = effect_lines(summary)
    assert line.startswith(
        "a: effect shown: a removed subject, beyond a filled hole in the background (+100.0 points ["
    )
    assert "100.0 % minus 0.0 %, 10 photos, p = " in line
    assert len(effect_lines(summary, levels=True)) == 3
    assert line in takeaways(summary).replace("\\", "")
    table = table_of(summary)
    assert table["effect"].tolist() == [100.0, 100.0, 100.0]
    assert table["level"].fillna("all").tolist() == ["all", "33pct", "100pct"]


def test_a_suite_without_controls_has_no_effects_and_says_nothing() -> None:
    summary = summary_of_table(frame([row("a", f"./{at}.png", "blur", "1", 1) for at in range(6)]))
    assert summary.models["a"].semantic_effects == []
    assert effect_lines(summary) == []
    assert "Semantic" not in takeaways(summary)
    assert table_of(summary).empty
