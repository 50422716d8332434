"""The gate: a model that got worse fails it, one that did not passes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fixtures.command_line import Outcome, run
from fixtures.slow_statistics import sign_flip_interval, sign_flip_p, step_down_p
from fixtures.verdict_tables import frame, noisy, row, summary_of_table
from iqbench.benchmark.regression import regressions
from iqbench.interfaces import ClusterChoice
from iqbench.protocol import Protocol
from iqbench.results.summary import RunRecord


def rows(lift: float, seed: int = 0, photos: int = 40) -> pd.DataFrame:
    """Return the verdict table of a model whose margins are raised by ``lift``."""
    return noisy(["a"], photos, seed).assign(status="ok").pipe(lifted, lift)


def lifted(table: pd.DataFrame, lift: float) -> pd.DataFrame:
    margin = table["margin"] + lift
    return table.assign(margin=margin, correct=(margin > 0).astype(float))


STANDARD = Protocol("standard", "both", 0.5, 1e-5)
LEGACY = Protocol("legacy", "original_first", 0.0, 0.0)
EXPOSURE = {"exposure": {"light": "encoded"}}

SUMMARY = summary_of_table(rows(0.0, photos=2))
"""Any summary: the gate reads its rules only."""


def write(
    folder: Path,
    table: pd.DataFrame,
    protocol: Protocol = STANDARD,
    degradation: object = EXPOSURE,
    by: ClusterChoice = "look",
) -> Path:
    """Write the exports of a run that the gate reads."""
    folder.mkdir(parents=True)
    table.drop(columns="prediction").to_parquet(folder / "unified_results.parquet", index=False)
    record = RunRecord(identity={"degradation": degradation}, details={}, missing_shards=[])
    clusters = SUMMARY.clusters.model_copy(update={"by": by})
    summary = SUMMARY.model_copy(update={"protocol": protocol, "runs": [record], "clusters": clusters})
    (folder / "summary.json").write_text(summary.model_dump_json())
    return folder


def check(tmp_path: Path, now: pd.DataFrame, before: pd.DataFrame, *options: str, **rules: Any) -> Outcome:
    """Compare two tables as two runs."""
    folders = write(tmp_path / "now", now, **rules), write(tmp_path / "before", before)
    return run("check", folders[0], "--baseline", folders[1], *options)


def test_a_run_that_is_the_same_passes(tmp_path: Path) -> None:
    outcome = check(tmp_path, rows(0.0), rows(0.0))
    assert (outcome.exit_code, outcome.err) == (0, "")
    assert outcome.out.count("no difference shown") == 4


def test_a_model_that_got_worse_fails_and_says_where(tmp_path: Path) -> None:
    outcome = check(tmp_path, rows(-1.5), rows(1.0))
    assert outcome.exit_code == 4
    assert "got worse than in" in outcome.last_line
    assert "a on all, a on blur, a on crop_edge, a on jpeg" in outcome.last_line


def test_only_the_kind_of_damage_that_it_got_worse_on_is_named(tmp_path: Path) -> None:
    now, before = rows(1.0), rows(1.0)
    worse = now["degradation_type"] == "jpeg"
    now.loc[worse, "correct"] = 0.0
    outcome = check(tmp_path, now, before)
    assert outcome.exit_code == 4
    assert outcome.last_line.endswith("a on all, a on jpeg")


def test_a_model_that_got_better_passes_and_the_table_says_so(tmp_path: Path) -> None:
    outcome = check(tmp_path, rows(1.5), rows(-1.0))
    assert outcome.exit_code == 0
    assert outcome.out.count("better") == 4


def test_noise_alone_rarely_fails() -> None:
    detections = 0
    for seed in range(20):
        now, before = (rows(0.0, seed=2 * seed + later, photos=25) for later in (0, 1))
        changes = regressions(now, before)
        detections += any(change.verdict != "no difference shown" for change in changes)
    assert detections <= 3


def with_fall(points: float, photos: int = 50, levels: int = 4) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return two runs of a model that is right in all pairs, and then wrong in so many points of them."""
    cells = [(at, level) for at in range(photos) for level in range(1, levels + 1)]
    before = frame([row("a", f"./{at}.png", "blur", str(level), 1.0, level) for at, level in cells])
    wrong = np.random.default_rng(0).permutation(len(cells)) < points / 100 * len(cells)
    return before.assign(correct=np.where(wrong, 0.0, 1.0)), before


def test_a_fall_has_the_p_values_of_a_literal_loop_over_all_combinations_of_signs() -> None:
    now, before = rows(-0.4, photos=8), rows(0.4, photos=8)
    gap = now.assign(gap=now["correct"] - before["correct"])
    gap = pd.concat([gap.assign(degradation_type="all"), gap])
    cells = gap.pivot_table("gap", "photo_sha256", "degradation_type", aggfunc="sum")
    counts = gap.pivot_table("gap", "photo_sha256", "degradation_type", aggfunc="count")
    corrected = dict(zip(cells, step_down_p(cells.T.to_numpy().tolist()), strict=True))
    for change in regressions(now, before):
        sums = cells[change.type].tolist()
        assert change.p == pytest.approx(sign_flip_p(sums))
        assert change.p_corrected == pytest.approx(corrected[change.type])
        assert change.interval == pytest.approx(sign_flip_interval(sums, counts[change.type].tolist()))


def test_a_fall_that_only_some_types_show_is_not_lost_among_many_types_as_it_was(tmp_path: Path) -> None:
    cells = [(at, f"type {kind}") for at in range(8) for kind in range(20)]
    before = frame([row("a", f"./{at}.png", kind, "1", 1.0) for at, kind in cells])
    now = before.assign(correct=np.where(before["degradation_type"] == "type 7", 0.0, 1.0))
    outcome = check(tmp_path, now, before)
    assert outcome.exit_code == 4  # 2 / 2^8 times 21 comparisons is more than 5 %
    assert outcome.last_line.endswith("a on all, a on type 7")


@pytest.mark.slow
def test_the_least_fall_is_that_which_these_photos_show_in_four_of_five_cases() -> None:
    now, before = with_fall(10, photos=60)
    (overall, on_blur) = regressions(now, before)
    assert overall.least_fall == on_blur.least_fall is not None
    random, shown, runs = np.random.default_rng(1), 0, 100
    for _ in range(runs):
        wrong = random.random(len(before)) < overall.least_fall
        shown += regressions(before.assign(correct=np.where(wrong, 0.0, 1.0)), before)[0].verdict == "worse"
    assert shown / runs > 0.72


def test_a_handful_of_photos_shows_no_fall_and_the_table_says_so(tmp_path: Path) -> None:
    now, before = with_fall(100, photos=5)
    assert [change.least_fall for change in regressions(now, before)] == [None, None]
    outcome = check(tmp_path, now, before)
    assert outcome.exit_code == 0
    assert "5 photos cannot show a fall, however large" in outcome.out
    undecided = check(tmp_path / "bounded", now, before, "--worse-than", "50")
    assert undecided.exit_code == 7
    assert "5 photos can show no fall at all" in undecided.last_line


def test_the_table_says_which_falls_so_many_photos_show(tmp_path: Path) -> None:
    now, before = rows(0.0, seed=1), rows(0.0)
    overall, *types = (change.least_fall for change in regressions(now, before))
    outcome = check(tmp_path, now, before)
    assert (
        "40 photos show falls of at least this size in 80 % of cases: "
        f"over all pairs {100 * overall:.1f} points, on a type {100 * max(types):.1f} points" in outcome.out
    )


def test_a_fall_that_cannot_be_excluded_fails_only_where_one_is_to_be(tmp_path: Path) -> None:
    now, before = with_fall(3)
    (overall, *_) = regressions(now, before)
    low, high = overall.interval or (0.0, 0.0)
    assert low < -0.03 < high
    assert check(tmp_path / "any", rows(0.0, seed=1), rows(0.0)).exit_code == 0
    points = -100 * low
    outcome = check(tmp_path / "small", rows(0.0, seed=1), rows(0.0), "--worse-than", "2")
    assert outcome.exit_code == 7
    assert "one by 2 points is not excluded for a on all, a on blur, a on crop_edge, a on jpeg" in outcome.last_line
    assert "40 photos can show only falls above" in outcome.last_line
    assert "benchmark more photos, or give a larger --worse-than" in outcome.last_line
    assert overall.excludes_fall_of(points + 0.1)
    assert not overall.excludes_fall_of(points - 0.1)
    same = rows(0.0)
    assert check(tmp_path / "same", same, same, "--worse-than", "10").exit_code == 0


@pytest.mark.parametrize("points", ["0", "-1", "101", "many"])
def test_a_fall_to_exclude_is_a_number_of_percentage_points(tmp_path: Path, points: str) -> None:
    outcome = run("check", tmp_path, "--baseline", tmp_path, f"--worse-than={points}")
    assert outcome.exit_code == 2
    assert "--worse-than" in outcome.last_line


def test_pairs_are_the_same_by_the_photos_content_whatever_it_is_called(tmp_path: Path) -> None:
    renamed = rows(0.0)
    renamed["original"] = "./elsewhere/" + renamed["original"].str[2:]
    changes = regressions(renamed, rows(0.0))
    assert [change.value for change in changes] == [0.0] * 4
    assert changes[0].photos == 40


def with_copies(table: pd.DataFrame, copies: int = 6) -> pd.DataFrame:
    """Return a run of the photos and of re-encoded copies, which it found to be near-copies."""
    parts = [table]
    for copy in range(1, copies + 1):
        names = {name: table[name] + f" copy {copy}" for name in ("original", "degraded", "photo_sha256")}
        parts.append(table.assign(**names))
    return pd.concat(parts, ignore_index=True)


def test_copies_of_eight_photos_show_what_the_eight_photos_show(tmp_path: Path) -> None:
    now, before = rows(-0.1, seed=1, photos=8), rows(0.1, photos=8)
    copied = with_copies(now), with_copies(before)
    for of_photos, of_copies in zip(regressions(now, before), regressions(*copied), strict=True):
        assert (of_copies.photos, of_copies.clusters, of_photos.clusters) == (56, 8, 8)
        for name in ("value", "interval", "p", "p_corrected", "least_fall"):
            assert getattr(of_copies, name) == pytest.approx(getattr(of_photos, name)), name
    outcome = check(tmp_path, *copied, "--worse-than", "5")
    assert outcome.exit_code == 7
    assert "56 photos in 8 clusters show falls of at least this size in 80 % of cases: " in outcome.out
    assert "56 photos in 8 clusters can show " in outcome.last_line


def test_photos_that_either_run_joins_are_one_cluster_and_different_choices_are_told(tmp_path: Path) -> None:
    now, before = with_copies(rows(-0.4, photos=8)), with_copies(rows(0.4, photos=8))
    alone, one_copy = before["original"], before["original"].str.replace(" copy 6", " copy 5")
    expected = regressions(now, before)
    assert regressions(now, before.assign(cluster=alone)) == expected
    assert regressions(now.assign(cluster=alone), before) == expected
    assert regressions(now, before.drop(columns="cluster")) == expected
    apart = regressions(now.assign(cluster=alone), before.assign(cluster=one_copy))
    assert {change.clusters for change in apart} == {48}
    folders = write(tmp_path / "now", now.assign(cluster=alone), by="photo"), write(tmp_path / "before", before)
    outcome = run("check", folders[0], "--baseline", folders[1])
    assert "the runs differ in data.cluster (photo, look): photos that either joins count as one" in outcome.out


def test_exports_without_clusters_count_bytes_and_say_so(tmp_path: Path) -> None:
    now, before = (with_copies(rows(lift, photos=8)).drop(columns="cluster") for lift in (-0.4, 0.4))
    outcome = check(tmp_path, now, before)
    assert "56 photos show falls of at least this size" in outcome.out
    assert "no column cluster, so near-copies count as independent; export again with iqbench.report" in outcome.out
    assert "no column cluster" not in check(tmp_path / "one", with_copies(rows(0.0, photos=8)), before).out
    same_bytes = {"photo_sha256": now["photo_sha256"].str.partition(" ")[0]}
    assert {change.photos for change in regressions(now.assign(**same_bytes), before.assign(**same_bytes))} == {8}


def test_the_order_of_the_rows_does_not_matter() -> None:
    now, before = with_copies(rows(-0.4, photos=20)), with_copies(rows(0.4, photos=20))
    shuffled = (table.sample(frac=1.0, random_state=1) for table in (now, before))
    assert regressions(*shuffled) == regressions(now, before)


def test_only_pairs_of_both_runs_count() -> None:
    before = rows(0.0)
    now = rows(0.0)[lambda table: table["degradation_type"] != "blur"]
    changes = regressions(now, before)
    assert [change.type for change in changes] == ["all", "crop_edge", "jpeg"]
    assert changes[0].n == (before["degradation_type"] != "blur").sum()


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda table: table.assign(model_name="b"), "model 'a' is in the reference run but not in this run"),
        (lambda table: table.assign(photo_sha256="other"), "no pair was judged in both runs"),
        (lambda table: table.drop(columns=["ladder", "status"]), "has no column ladder, status"),
        (lambda table: table.assign(correct="yes"), "correct is not a number from 0 to 1"),
        (lambda table: table.assign(correct=np.nan), "correct is not a number from 0 to 1"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(tmp_path: Path, spoil, reason) -> None:  # type: ignore[no-untyped-def]
    outcome = check(tmp_path, spoil(rows(0.0)), rows(0.0))
    assert outcome.exit_code == 2
    assert reason in outcome.last_line


def test_a_folder_without_results_or_with_damaged_ones_is_refused_in_one_line(tmp_path: Path) -> None:
    good = write(tmp_path / "good", rows(0.0))
    outcome = run("check", tmp_path, "--baseline", good)
    assert (outcome.exit_code, len(outcome.err.strip().splitlines())) == (2, 1)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "unified_results.parquet").write_bytes(b"PAR1 not really")
    outcome = run("check", tmp_path / "bad", "--baseline", good)
    assert (outcome.exit_code, len(outcome.err.strip().splitlines())) == (2, 1)
    assert "cannot be read" in outcome.last_line


def test_a_reference_run_in_which_a_model_judged_nothing_is_refused(tmp_path: Path) -> None:
    for at, nothing in enumerate(({"status": "model_error", "correct": np.nan}, {"degradation_group": "control"})):
        outcome = check(tmp_path / str(at), rows(0.0), rows(0.0).assign(**nothing))
        assert outcome.exit_code == 2
        assert "model 'a' judged no pair" in outcome.last_line
    outcome = check(tmp_path / "empty", rows(0.0), rows(0.0)[:0])
    assert outcome.exit_code == 2
    assert "holds no judged pair" in outcome.last_line


@pytest.mark.parametrize("has_sha256", [True, False])
def test_a_model_that_fails_where_it_did_not_has_got_worse(tmp_path: Path, has_sha256: bool) -> None:
    now, before = rows(1.0), rows(1.0)
    broken = now["original"].isin(now["original"].unique()[:3])
    now.loc[broken, ["status", "correct"]] = ["nonfinite" if has_sha256 else "process_died", np.nan]
    if not has_sha256:
        now.loc[broken, "photo_sha256"] = None
    outcome = check(tmp_path, now, before)
    assert outcome.exit_code == 4
    assert f"a on 12 pairs ({'nonfinite' if has_sha256 else 'process_died'})" in outcome.last_line


def test_what_failed_before_and_what_was_not_asked_before_may_fail(tmp_path: Path) -> None:
    now, before = rows(1.0), rows(1.0)
    photos = now["original"].unique()
    failed = {"status": "nonfinite", "correct": np.nan}
    now.loc[now["original"].isin(photos[:3]), list(failed)] = list(failed.values())
    before.loc[before["original"].isin(photos[:2]), list(failed)] = list(failed.values())
    before = before[before["original"] != photos[2]]
    assert check(tmp_path, now, before).exit_code == 0


@pytest.mark.parametrize(
    ("rules", "difference"),
    [
        ({"protocol": LEGACY}, "differ in protocol.name (legacy, not standard)"),
        (
            {"degradation": {"exposure": {"light": "linear"}}},
            "differ in degradation.exposure.light (linear, not encoded)",
        ),
    ],
)
def test_runs_by_different_rules_are_refused(tmp_path: Path, rules: dict[str, Any], difference: str) -> None:
    outcome = check(tmp_path, rows(0.0), rows(0.0), **rules)
    assert outcome.exit_code == 2
    assert difference in outcome.last_line


def test_more_levels_or_types_are_no_other_rules(tmp_path: Path) -> None:
    more = {"exposure": {"light": "encoded", "stops": [1]}, "blur": {"sigma": [1]}}
    assert check(tmp_path, rows(0.0), rows(0.0), degradation=more).exit_code == 0


def test_a_reference_run_of_one_file_is_compared_and_its_missing_summary_is_reported(tmp_path: Path) -> None:
    now, before = write(tmp_path / "now", rows(0.0)), write(tmp_path / "before", rows(0.0))
    (before / "summary.json").unlink()
    outcome = run("check", now, "--baseline", before)
    assert outcome.exit_code == 0
    assert f"{before}: no summary.json" in outcome.out


@pytest.mark.parametrize(
    ("content", "facts"),
    [
        ('{"runs": [], "iqbench": "0.1.0"}', ["schema version 1", "iqbench 0.1.0", "iqbench.report"]),
        ('{"schema_version": 2, "iqbench": "0.2"}', ["schema version 2", "iqbench 0.2", "iqbench.report"]),
        ('{"schema_version": 3, "iqbench": "0.2"}', ["damaged", "complete", "iqbench.report"]),
        ("[]", ["damaged", "iqbench.report"]),
        ("", ["damaged", "iqbench.report"]),
    ],
)
def test_a_damaged_summary_or_one_of_another_version_is_refused(tmp_path: Path, content: str, facts: list[str]) -> None:
    now, before = write(tmp_path / "now", rows(0.0)), write(tmp_path / "before", rows(0.0))
    (before / "summary.json").write_text(content)
    outcome = run("check", now, "--baseline", before)
    assert (outcome.exit_code, len(outcome.err.strip().splitlines())) == (2, 1)
    (now / "summary.json").unlink()
    assert run("check", now, "--baseline", before).last_line == outcome.last_line
    assert all(fact in outcome.last_line for fact in [str(before / "summary.json"), *facts])


def test_two_models_of_different_names_are_told_how_to_share_one(tmp_path: Path) -> None:
    outcome = check(tmp_path, rows(0.0).assign(model_name="new"), rows(0.0))
    assert outcome.exit_code == 2
    assert "model 'a' is in the reference run but not in this run, which holds 'new'" in outcome.last_line
    assert outcome.last_line.endswith("give both runs one name, such as name=a")
