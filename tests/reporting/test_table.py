import io

import pytest
from rich.console import Console

from fixtures.summaries import changed
from fixtures.verdict_tables import summary_of
from iqbench.reporting.degradation_types import type_order
from iqbench.reporting.notices import power_text
from iqbench.reporting.table import markdown_table, print_table
from iqbench.reporting.takeaways import takeaways

STANDARD = ("jpeg", "crop_edge", "crop_aspect", "crop_center", "crop_corner", "blur", "exposure")


def printed(summary, width):
    out = io.StringIO()
    print_table(summary, Console(file=out, width=width))
    return out.getvalue().splitlines()


def test_everything_fits_into_100_columns():
    shares = {"siamese_phototriage_long": dict.fromkeys(STANDARD, 1.0), "rules": dict.fromkeys(STANDARD, 0.75)}
    headline, *lines = printed(summary_of(shares, baselines=[("always-first", 0.5)]), width=100)
    assert headline.startswith("siamese_phototriage_long is right in all pairs and beats rules with 40 photos. ")
    assert [line for line in lines if line.startswith(" ") and len(line) > 100] == []  # the table; other lines wrap
    assert not any("…" in line for line in lines)
    (rules,) = [line.split() for line in lines if line.startswith(" rules")]
    assert rules == ["rules"] + ["75.0"] * 9
    (baseline,) = [line.split() for line in lines if line.startswith(" always-first")]
    assert baseline == ["always-first"] + ["50.0"] * 9


def test_the_interval_stands_under_the_accuracy_over_all_pairs():
    summary = summary_of({"a": {"blur": 0.9}})
    low, high = summary.models["a"].overall.interval
    lines = printed(summary, width=100)
    at = next(i for i, line in enumerate(lines) if line.startswith(" a "))
    # beside it the corrected score: no baseline chooses here, so it is twice the accuracy above a coin's
    assert lines[at + 1].split() == [f"{100 * low:.1f}–{100 * high:.1f}", "80.0"]


def test_the_corrected_score_stands_under_the_macro_accuracy():
    summary = summary_of({"a": {"blur": 0.9}})
    lines = printed(changed(summary, "models.a.against_baselines.corrected", value=0.6543, reason=None), width=100)
    heading = next(i for i, line in enumerate(lines) if "macro" in line)
    assert "corr." in lines[heading + 1]
    at = next(i for i, line in enumerate(lines) if line.startswith(" a "))
    assert lines[at + 1].split()[-1] == "65.4"
    assert "corr.: corrected for chance and baselines (0 is a coin, 100 perfect)" in caption_of(lines)


def caption_of(lines):
    return " ".join(" ".join(lines).split())


def test_the_caption_says_which_differences_so_many_photos_can_show():
    summary = summary_of({"a": {"blur": 0.9, "jpeg": 0.8}, "b": {"blur": 0.5, "jpeg": 0.6}})
    least = summary.least_difference.overall
    assert 0.1 < least < 0.5
    caption = caption_of(printed(summary, width=100))
    assert f"with 40 photos only differences above {100 * least:.1f} points can be shown (80 % power)" in caption
    few = caption_of(printed(summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.5}}, photos=5), width=100))
    assert "with 5 photos no difference between models can be shown" in few
    assert "can be shown" not in caption_of(printed(summary_of({"a": {"blur": 0.9}}), width=100))


def test_models_that_are_right_in_all_pairs_and_baselines_at_their_ceiling_have_a_line():
    summary = summary_of({"a": {"blur": 1.0}})
    low, high = summary.models["a"].overall.interval
    assert low < 0.95
    ceiling = changed(summary, "models.a.against_baselines.by_degradation.blur", baseline="sharper", ceiling=True)
    text = caption_of(printed(ceiling, width=100))
    assert f"a is right in all 40 pairs [{100 * low:.1f}, {100 * high:.1f}]" in text
    assert "On blur the baseline sharper is at its ceiling: there no model can be told from it" in text
    assert "ceiling" not in caption_of(printed(summary, width=100))


def test_models_of_different_photos_have_their_number_under_the_name_and_others_have_not():
    summary = summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.5}})
    assert not any(line.startswith(" 40 photos ") for line in printed(summary, 100))
    lines = printed(changed(summary, "models.b", photos=12), 100)
    for name, photos in (("a", 40), ("b", 12)):
        at = next(i for i, line in enumerate(lines) if line.startswith(f" {name} "))
        assert lines[at + 1].startswith(f" {photos} photos ")


def test_a_pipe_gets_120_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    print_table(summary_of({"siamese": dict.fromkeys(STANDARD, 1.0)}))
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(" siamese")]
    assert line.split() == ["siamese"] + ["100.0"] * 9


def test_markup_and_newlines_in_names_are_only_letters():
    lines = printed(summary_of({"[red]a\nb[/red]": {"[bold]x": 0.5}}), width=100)
    assert any("[red]a b[/red]" in line for line in lines)
    assert any("[bold]x" in line for line in lines)


def test_one_photo_has_no_interval_and_failures_are_counted():
    single_photo = printed(summary_of({"a": {"blur": 1.0}}, photos=1), 100)
    assert "1 photo: no interval" in " ".join(" ".join(single_photo).split())
    some = printed(summary_of({"a": {"blur": 1.0}}, photos=4, failed=2), 100)
    assert "2 photos (of 4); 2 pairs failed" in " ".join(" ".join(some).split())


def test_the_standard_types_come_in_the_published_order_and_others_after_them():
    assert type_order(summary_of({"a": {"noise": 0.5, "blur": 0.5, "jpeg": 0.5}}, photos=2)) == [
        "jpeg",
        "blur",
        "noise",
    ]


@pytest.mark.parametrize(
    ("by", "shared"),
    [
        ("look", "are near-copies"),
        ("sha256", "are copies"),
        ("series", "share a series or are near-copies"),
        ("folder", "share a folder or are near-copies"),
    ],
)
def test_photos_that_share_a_cluster_are_told_in_the_caption(by, shared):
    summary = summary_of({"a": {"blur": 0.5}}, photos=3)
    assert "cluster" not in " ".join(printed(summary, 100))
    lines = printed(changed(summary, "clusters", by=by, clusters=1, photos=3, near_copies=3), 100)
    expected = f"3 photos in 1 cluster (3 {shared}; data.cluster={by}): intervals count clusters"
    assert expected in " ".join(" ".join(lines).split())


@pytest.mark.parametrize(("missing", "notice"), [([], "resumes"), ([1], "shard 1 is"), ([1, 2], "shards 1, 2 are")])
def test_an_incomplete_run_is_called_incomplete(missing, notice):
    summary = changed(summary_of({"a": {"blur": 0.5}}, photos=2), "", complete=False, missing_shards=missing)
    caption = " ".join(" ".join(printed(summary, 100)).split())
    assert "INCOMPLETE" in caption
    assert notice in caption
    assert "INCOMPLETE" not in " ".join(printed(summary_of({"a": {"blur": 0.5}}, photos=2), 100))


def test_what_the_photos_can_show_is_told_with_their_clusters():
    summary = summary_of({"a": {"blur": 0.9}, "b": {"blur": 0.5}}, photos=12)
    assert power_text(summary).startswith("with 12 photos only differences above ")
    shared = changed(summary, "clusters", clusters=3, near_copies=12)
    assert power_text(shared).startswith("with 12 photos in 3 clusters only differences above ")
    nothing = changed(shared, "least_difference", overall=None)
    assert power_text(nothing) == "with 12 photos in 3 clusters no difference between models can be shown"


MANY = {f"kind{number}_of_damage": 0.5 + number / 40 for number in range(12)}


def of_many_types(names):
    """Return the summary of equal models on twelve types."""
    summary = summary_of({"a": MANY}, photos=4, baselines=[("always-first", 0.5)])
    models = dict.fromkeys(names, summary.models["a"])
    ranking = [summary.ranking[0].model_copy(update={"model": name}) for name in names]
    return summary.model_copy(update={"models": models, "ranking": ranking})


def test_what_the_best_baseline_reaches_stands_below_the_headline():
    shares = {"a": {"blur": 0.9}}
    easy = summary_of(shares, baselines=[("always-first", 0.5), ("larger file", 0.96)])
    expected = (
        "Preferring the larger file would be right in 96.0 % of these pairs: compare corrected scores, not accuracies."
    )
    assert printed(easy, width=100)[1] == expected
    assert expected in takeaways(easy).splitlines()
    fair = summary_of(shares, baselines=[("always-first", 0.5), ("sharper", 0.62), ("random", 0.7)])
    assert printed(fair, width=100)[1] == "Preferring the sharper photo would be right in 62.0 % of these pairs."
    assert not any(line.startswith("Preferring") for line in printed(summary_of(shares, baselines=[]), width=100))


def test_many_types_have_a_row_each_and_fit_into_100_columns():
    names = ["siamese_phototriage_long", "ava", *"bcdefgh"]
    summary = of_many_types(names)
    lines = printed(summary, width=100)
    assert [line for line in lines if line.startswith(" ") and len(line) > 100] == []
    assert not any("…" in line for line in lines)
    for kind in MANY:
        (row,) = [line for line in lines if line.startswith(f" {kind} ")]
        assert row.split()[1:] == [*[row.split()[1]] * 5, "50.0", "always-first"]
    assert any("4 more models: see KEY_TAKEAWAYS.md" in line for line in lines)


def test_many_types_have_a_row_each_in_markdown_with_every_model_and_baseline():
    summary = of_many_types(["a", "b"])
    lines = markdown_table(summary)
    assert lines[0] == "| model | all | mean confidence | macro | corrected |"
    start = lines.index("| type | a | b | _always-first_ |")
    assert [line.split(" | ")[0] for line in lines[start + 2 :]] == [f"| {kind}" for kind in sorted(MANY)]
    assert all(line.count("|") == 5 for line in lines[start:])
