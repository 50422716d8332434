from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.reporting.cautions import RULES, SHOWN, cautions
from iqbench.reporting.model_warnings import WARNINGS
from iqbench.reporting.table import print_table
from iqbench.reporting.takeaways import takeaways

GOOD, COIN = {"blur": 0.9, "jpeg": 0.85}, {"blur": 0.5, "jpeg": 0.5}


def texts(summary):
    return [caution.subject + caution.predicate for caution in cautions(summary)]


def harmed():
    """Return a summary with five cautions."""
    summary = summary_of({"a": GOOD, "b": COIN}, failed=3)
    summary = changed(summary, "models.a", photos_seen_in_training=7, trained_on="self-supervised on x")
    summary = changed(summary, "models.b.overall", order_consistency=0.75)
    return changed(summary, "", complete=False)


def test_the_heaviest_cautions_come_first():
    first = [
        "INCOMPLETE: the run was interrupted or a job failed; the same command resumes it",
        "a is not held out: it was trained on 7 of these photos",
        "b contradicts itself in 25.0 % of pairs when they are swapped (position bias)",
        "12 of 160 pairs failed (decode)",
    ]
    assert texts(harmed())[:4] == first
    assert any(text.startswith("a learned from degraded copies") for text in texts(harmed())[4:])


def test_what_is_true_of_several_models_is_one_caution():
    summary = summary_of({"a": GOOD, "b": GOOD})
    for name in "ab":
        summary = changed(summary, f"models.{name}", photos_seen_in_training=7)
    assert "each of a and b is not held out: it was trained on 7 of these photos" in texts(summary)


def test_position_bias_in_few_pairs_is_light_and_in_many_heavy():
    weights = []
    for consistency in (0.99, 0.9):
        summary = changed(summary_of({"a": GOOD}), "models.a.overall", order_consistency=consistency)
        weights += [caution.weight for caution in cautions(summary) if "position bias" in caution.text]
    assert weights[0] < 50 < weights[1]


def test_few_photos_are_a_caution_by_what_they_can_show():
    few = summary_of({"a": GOOD, "b": COIN}, photos=8)
    (line,) = [text for text in texts(few) if "photos are few" in text]
    assert line.startswith("8 photos are few: only differences above ")
    nothing = texts(summary_of({"a": GOOD, "b": COIN}, photos=4))
    assert "4 photos can show no difference between models" in nothing


def test_every_rule_has_a_weight_of_its_own_and_a_reason():
    rules = [*RULES, *WARNINGS]
    assert len({rule.weight for rule in rules}) == len(rules)
    assert all(len(rule.reason) > 15 for rule in rules)


def test_the_console_shows_the_three_heaviest_and_the_takeaways_all(capsys):
    print_table(harmed())
    out = capsys.readouterr().out
    shown, folded = texts(harmed())[:SHOWN], texts(harmed())[SHOWN:]
    assert [text in out for text in shown] == [True] * SHOWN
    assert not any(text in out for text in folded)
    assert f"{len(folded)} lighter cautions in KEY_TAKEAWAYS.md" in out
    assert out.startswith("Incomplete so far: ")
    listed = takeaways(harmed()).split("## Cautions\n\n")[1].split("\n\n")[0]
    assert listed.count("\n- ") + 1 == len(shown) + len(folded)
    assert takeaways(harmed()).startswith("# Key takeaways\n\n**Incomplete so far: ")
