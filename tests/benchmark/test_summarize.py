"""The summary as a whole: what counts, what is refused, and that its random numbers are drawn once."""

import json

import pandas as pd
import pytest

from fixtures.slow_statistics import jeffreys_interval, sign_flip_interval, sign_flip_p, step_down_p, unweighted
from fixtures.verdict_tables import by_cluster, frame, noisy, row, summarized, summary_of_table
from iqbench.benchmark import summarize
from iqbench.errors import UsageError
from iqbench.inference import calls_in_workers
from iqbench.inference.worker_process import start_method
from iqbench.results.model_summary import IdentityControl, ReencodeControl
from iqbench.results.summary import Counts, Summary
from iqbench.statistics.bootstrap import Bootstrap


def as_json(summary: Summary) -> dict:
    """Return the content of the summary's JSON, which must be strict and readable as a summary."""
    text = summary.model_dump_json()
    assert Summary.model_validate_json(text) == summary
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@pytest.fixture(scope="module")
def nine_photos():
    """Three models on nine photos, of which one lacks a type."""
    rows = noisy(["a", "b", "c"], 9, seed=1, lift=0.8)
    return rows[~((rows["original"] == "./3.png") & (rows["degradation_type"] == "jpeg"))].reset_index(drop=True)


def gaps(rows, first, second):
    """Return the sum and the number of the differences of two models on each photo."""
    of_photo = rows.pivot_table("correct", "original", "model_name", aggfunc=["sum", "count"])
    return (of_photo["sum"][first] - of_photo["sum"][second]).tolist(), of_photo["count"][first].tolist()


def test_the_intervals_of_accuracies_are_those_of_the_formula_written_out(nine_photos):
    summary = summary_of_table(nine_photos)
    for name in "abc":
        rows, model = nine_photos[nine_photos["model_name"] == name], summary.models[name]
        assert model.overall.interval == pytest.approx(jeffreys_interval(by_cluster(rows)))
        for kind, of_type in rows.groupby("degradation_type"):
            assert model.by_degradation[kind].interval == pytest.approx(jeffreys_interval(by_cluster(of_type)))
        weights = 1 / (3 * rows.groupby("degradation_type")["correct"].transform("size"))
        assert model.macro.interval == pytest.approx(jeffreys_interval(by_cluster(rows, weights)))


def test_differences_have_the_p_values_and_intervals_of_all_combinations_of_signs(nine_photos):
    pairwise = summary_of_table(nine_photos).pairwise
    tables = [gaps(nine_photos, difference.a, difference.b) for difference in pairwise]
    for difference, (sums, counts) in zip(pairwise, tables, strict=True):
        assert difference.value == pytest.approx(sum(sums) / sum(counts))
        assert difference.p == pytest.approx(sign_flip_p(sums))
        assert difference.interval == pytest.approx(sign_flip_interval(sums, counts))
    corrected = step_down_p([sums for sums, _ in tables])
    assert [difference.p_corrected for difference in pairwise] == pytest.approx(corrected)
    assert 0.004 < min(corrected) < 0.05  # otherwise there would be nothing to correct


def test_accuracies_are_tested_against_chance_together(nine_photos):
    summary = summary_of_table(nine_photos)
    lead = nine_photos.assign(lead=nine_photos["correct"] - 0.5)
    parts = [lead.assign(degradation_type="all"), lead]
    cells = pd.concat(parts).pivot_table("lead", "original", ["model_name", "degradation_type"], aggfunc="sum")
    corrected = dict(zip(cells, step_down_p(cells.fillna(0.0).T.to_numpy().tolist()), strict=True))
    for name, model in summary.models.items():
        for kind, cell in {"all": model.overall, **model.by_degradation}.items():
            assert cell.p_chance == pytest.approx(corrected[name, kind])
            above = cell.p_chance < 0.05 and cell.interval[0] > 0.5
            assert (cell.verdict == "above chance") == above


def test_the_bootstrap_of_a_whole_summary_is_drawn_once(monkeypatch):
    draws, construct = [], Bootstrap.__init__

    def counted(self, clusters, *arguments, **options):
        draws.append(len(clusters))
        construct(self, clusters, *arguments, **options)

    monkeypatch.setattr(Bootstrap, "__init__", counted)
    summarized(noisy(["a", "b"], 12, seed=0), resamples=20)
    assert draws == [12]


def test_the_statistics_of_many_models_are_the_same_in_workers(monkeypatch):
    rows = noisy(["a", "b", "c", "d"], 6, seed=3)
    made_in, in_process = [], calls_in_workers.in_workers

    def watched(calls, workers):
        made_in.append(workers)
        return in_process(calls, workers)

    monkeypatch.setattr(summarize, "in_workers", watched)
    monkeypatch.setattr(summarize, "available_cores", lambda: 2)
    texts = []
    for many in (5, 4):
        monkeypatch.setattr(summarize, "MANY_MODELS", many)
        texts.append(summary_of_table(rows).model_dump_json())
    assert made_in == [0, 2 if start_method() == "fork" else 0]
    assert texts[0] == texts[1]


def test_a_single_photo_has_no_interval_and_says_why():
    summary = summary_of_table(noisy(["a", "b"], 1, seed=0), resamples=10)
    assert (summary.models["a"].overall.p_chance_reason, summary.models["a"].overall.verdict) == (
        "a test needs two photos",
        "not shown",
    )
    assert summary.least_difference.overall is None
    overall = summary.models["a"].overall
    assert overall.interval is None
    assert overall.interval_reason == "an interval needs at least two photos"
    assert summary.pairwise[0].p_corrected is None
    assert summary.pairwise[0].verdict == "too close to call"
    as_json(summary)


def test_control_rows_enter_nothing_but_the_controls():
    rows = noisy(["a", "b"], 4, seed=0)
    extra = [row(m, f"./{i}.png", "control", "identity", 0) for m in "ab" for i in range(4)]
    extra += [
        row(m, f"./{i}.png", "control", "reencode", 1 - 2 * (i == 0), input_change=9.0) for m in "ab" for i in range(4)
    ]
    without = summary_of_table(rows, resamples=30)
    controlled = summary_of_table(pd.concat([rows, frame(extra)], ignore_index=True), resamples=30)
    controls = controlled.models["a"].controls
    assert controls.identity == IdentityControl(pairs=4, ties=4, failed=0, all_tie=True)
    interval = jeffreys_interval(unweighted([[1.0], [1.0], [1.0], [0.0]]))
    assert controls.reencode.interval == pytest.approx(interval)
    expected = ReencodeControl(accuracy=0.75, interval=controls.reencode.interval, pairs=4, failed=0)
    assert controls.reencode == expected.model_copy(update={"p_chance": 0.625})  # 10 of the 16 combinations of signs
    assert controlled.counts.controls == Counts(planned=16, ok=16, failed=0)
    summaries = [as_json(summary) for summary in (without, controlled)]
    for summary in summaries:
        summary["counts"].pop("rows"), summary["counts"].pop("controls")
        for model in summary["models"].values():
            # visibility and repeatability are measured with the controls
            model.pop("controls"), model.pop("visibility"), model.pop("repeatability")
    assert summaries[0] == summaries[1]


def test_an_identity_control_that_does_not_tie_is_told():
    extra = [row("a", f"./{i}.png", "control", "identity", i) for i in range(3)]
    table = pd.concat([noisy(["a"], 3, seed=0), frame(extra)], ignore_index=True)
    model = summary_of_table(table, resamples=10).models["a"]
    assert model.controls.identity.ties == 1
    assert model.controls.identity.all_tie is False
    assert (model.repeatability.largest_margin, model.repeatability.pairs) == (2.0, 3)


def test_failed_rows_are_counted_and_enter_no_accuracy():
    rows = [row("a", f"./{i}.png", "blur", "1.0", 1) for i in range(3)]
    rows += [row("a", "./3.png", "blur", "1.0", 0, status="decode"), row("a", "./0.png", "jpeg", "80", 0, status="oom")]
    rows += [row("b", f"./{i}.png", "blur", "1.0", -1) for i in range(4)]
    summary = summary_of_table(frame(rows), resamples=20)
    model = summary.models["a"]
    assert (model.overall.value, model.overall.n, model.overall.failed) == (1.0, 3, 2)
    assert model.failures == {"decode": 1, "oom": 1}
    assert model.by_degradation["jpeg"].value is None
    assert model.by_degradation["jpeg"].reason == "no pair judged"
    assert summary.counts.pairs == Counts(planned=9, ok=7, failed=2)
    assert summary.pairwise[0].n == 3  # the pair that only b judged is not compared
    as_json(summary)


def test_a_run_in_which_everything_failed_still_has_a_summary():
    rows = frame([row(m, f"./{i}.png", "blur", "1.0", 0, status="decode") for m in "ab" for i in range(2)])
    summary = summarized(rows, resamples=10)
    model = summary.models["a"]
    assert model.overall.value is None
    assert model.against_baselines.overall.beaten is None
    assert model.confidence.ece is None
    assert (summary.photos, summary.photos_judged) == (2, 0)
    assert summary.pairwise[0].verdict == "too close to call"
    as_json(summary)


def test_two_models_of_one_name_are_refused():
    rows = noisy(["a", "b"], 2, seed=0)
    with pytest.raises(UsageError, match="two models are called 'a'"):
        summary_of_table(rows.assign(model_name="a"))
    with pytest.raises(UsageError, match=r"'a' judged \./0\.png twice as blur 1\.0"):
        summary_of_table(rows.assign(model_name="a", model_fingerprint="x"))


def test_the_same_rows_give_the_same_bytes_and_their_order_changes_no_interval():
    rows = noisy(["a", "b"], 10, seed=6)
    steps = rows[rows["severity"] == 2]
    first, second = (summary_of_table(rows, steps, 3, 100).model_dump_json() for _ in range(2))
    assert first == second
    shuffled = summary_of_table(rows.sample(frac=1.0, random_state=0), steps, 3, 100)
    for name, model in Summary.model_validate_json(first).models.items():
        assert shuffled.models[name].overall.interval == model.overall.interval
        for part in ("against_baselines", "thresholds", "monotonicity"):
            assert getattr(shuffled.models[name], part) == getattr(model, part)


def test_photos_of_the_same_content_under_another_name_are_counted():
    rows = noisy(["a", "b"], 4, seed=0)
    rows.loc[rows["original"] == "./3.png", "photo_sha256"] = "./0.png"
    assert summary_of_table(rows).duplicate_photos == 1
