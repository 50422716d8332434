"""The headline of a report: what a benchmark shows, its weakest point, and what to do, in at most three sentences."""

from iqbench.benchmark.comparisons import POINTS_TO_SHOW
from iqbench.reporting.contest import Contest
from iqbench.reporting.model_faults import FAULTS
from iqbench.reporting.text_format import and_list, capitalized, one_line, percent
from iqbench.reporting.weak_spots import weakness
from iqbench.results.model_summary import ModelSummary
from iqbench.results.summary import Summary

ENOUGH_PHOTOS = 50
"""Photos to start with where a run has too few to plan from."""

MAX_SENTENCES = 3
LONG_CONTEST = 4
"""Number of models from which groups are named instead of each model."""


def headline(summary: Summary) -> str:
    """Return what a benchmark shows in at most three sentences: the finding, a fault or the weakness, and the advice.

    The names in it are single lines, and not escaped.
    """
    contest = Contest(summary)
    finding, fault, advice = _finding(contest), _fault(contest), _advice(contest)
    weak = weakness([contest.model(name) for name in contest.sound_leaders])
    if len([sentence for sentence in (finding, fault, advice) if sentence]) == MAX_SENTENCES:
        weak = ""
    text = " ".join(sentence for sentence in (finding, fault, weak, advice) if sentence)
    return text if summary.complete else f"Incomplete so far: {text}"


def _finding(contest: Contest) -> str:
    """Return which model is best, or how good the only one is; "" where the sentence about a fault says it."""
    summary = contest.summary
    if not summary.photos_judged:
        if not summary.counts.pairs.planned:
            return "Only controls were scored, so nothing is shown about the models."
        return f"None of the {_number(summary.photos, 'photo')} could be judged{_reasons(summary)}."
    if contest.too_few:
        verb = "is" if summary.photos_judged == 1 else "are"
        return f"{_photos(summary)} {verb} too few to show anything: use {ENOUGH_PHOTOS} or more."
    if contest.different_photos:
        return f"{and_list(contest.counted, 'models')} were scored on different photos, so they cannot be ranked."
    if len(contest.counted) > 1:
        return f"{_leaders(contest)}{_beaten(contest)}{_needed_to_rank(contest)}."
    return _only_one(contest, contest.counted[0]) if contest.counted else ""


def _only_one(contest: Contest, name: str) -> str:
    overall, fault = contest.model(name).overall, contest.faults.get(name)
    if fault is not None and not fault.needs_leader:
        return ""
    photos = _photos(contest.summary)
    if overall.value == 1.0:
        least = "" if overall.interval is None else f", at least {percent(overall.interval[0])} %"
        return f"{one_line(name)} is right in all {overall.n:,} pairs ({photos}{least})."
    interval = "" if overall.interval is None else f"{'–'.join(map(percent, overall.interval))} %, "
    share = f"{percent(overall.value)} % of pairs ({interval}{photos})"
    return f"{one_line(name)} prefers the original to its damaged copy in {share}."


def _leaders(contest: Contest) -> str:
    """Return the clause about the models that no other one beats."""
    leaders, photos = contest.leaders, _photos(contest.summary)
    if len(leaders) == 1:
        perfect = contest.model(leaders[0]).overall.value == 1.0
        return one_line(leaders[0]) + (" is right in all pairs and" if perfect else "")
    if len(leaders) == len(contest.counted) > LONG_CONTEST:
        return f"None of the {len(leaders)} models is shown to be better than another with {photos}"
    if contest.as_good_as_equal(leaders):
        return f"{and_list(leaders, 'models')} are shown to be as good as equal with {photos}"
    return f"{and_list(leaders, 'models')} cannot be told apart with {photos}"


def _beaten(contest: Contest) -> str:
    """Return the clauses about the models that another one beats."""
    leaders = contest.leaders
    others = [name for name in contest.counted if name not in leaders]
    by_all = [name for name in others if all(contest.beats(leader, name) for leader in leaders)]
    by_some = [name for name in others if name not in by_all]
    objects = and_list(by_all, "models")
    if len(by_all) == len(others) > LONG_CONTEST:
        objects = f"the other {len(others)} models"
    clauses = []
    if len(leaders) == 1:
        clauses.append(f" {f'beats {objects}' if by_all else 'leads'} with {_photos(contest.summary)}")
    elif by_all:
        clauses.append(f"{'both' if len(leaders) == 2 else f'all {len(leaders)}'} beat {objects}")
    if len(by_some) == 1:
        clauses.append(_beaten_by_some(contest, by_some[0]))
    elif by_some:
        clauses.append(f"each of the other {len(by_some)} models is beaten by one")
    joined = "; ".join(clauses)
    return joined if len(leaders) == 1 or not joined else f"; {joined}"


def _beaten_by_some(contest: Contest, name: str) -> str:
    """Return who beats a model that not every leader beats, and who does so in plain accuracy only."""
    better = [other for other in contest.counted if contest.beats(other, name)]
    plain = [name_ for name_ in contest.leaders if name_ not in better and contest.beats_in_accuracy(name_, name)]
    clause = f"{and_list(better, 'models')} beat{'s' * (len(better) == 1)} {one_line(name)}"
    return clause + (f", {and_list(plain, 'models')} only in plain accuracy" if plain else "")


def _needed_to_rank(contest: Contest) -> str:
    """Return the clause about the photos that would tell models apart, where no model beats another."""
    needed = _needed(contest) if len(contest.leaders) == len(contest.counted) else ""
    return f"; {needed}" if needed else ""


def _needed(contest: Contest) -> str:
    """Return how many photos would show a difference of 5 points, "" where there are as many."""
    needed, clusters = contest.summary.least_difference.clusters_for_5_points, contest.summary.clusters
    if needed is None or needed <= clusters.clusters:
        return ""
    photos = "photos" if clusters.clusters == clusters.photos else "independent photos"
    return f"about {_two_digits(needed):,} {photos} would show a difference of {100 * POINTS_TO_SHOW:g} points"


def _fault(contest: Contest) -> str:
    """Return the sentence about the heaviest fault: that of all leaders, or one of any model that matters."""
    faults, leaders = contest.faults, contest.leaders
    if not contest.summary.photos_judged:
        return ""
    told = [name for name in faults if not faults[name].counts]
    if leaders and not contest.too_few:
        no_sound = all(name in faults for name in leaders)
        told += [name for name in faults if name in leaders or not (no_sound or faults[name].needs_leader)]
    if not told:
        return ""
    fault = min((faults[name] for name in told), key=FAULTS.index)
    having = {name: contest.model(name) for name in faults if name in told and faults[name] is fault}
    if list(having) != list(contest.summary.models) or not fault.needs_leader:
        return fault.sentence(having)
    return fault.sentence(having, subject="It" if len(having) == 1 else "They")  # the finding has just named them


def _advice(contest: Contest) -> str:
    """Return what to do."""
    models, leaders, sound = contest.summary.models, contest.leaders, contest.sound_leaders
    if not contest.summary.photos_judged:
        return ""
    if contest.different_photos:
        return "Run them on the same photos."
    if remedies := _remedies(contest):
        return remedies
    if some := [name for name in leaders if is_self_supervised(models[name])]:
        who = "All" if some == leaders == list(models) and len(some) > 1 else and_list(some, "models")
        judge = "it judges" if len(some) == 1 else "they judge"
        return f"{who} learned from degraded copies, not from people: {judge} damage, not taste."
    if contest.too_few:
        return ""
    if not sound:
        return f"Do not cull with {_them(leaders) if len(models) == 1 else 'any of them'}."
    if len(models) == 1:
        return "Before you cull with it, compare it with other models and with people's choices (iqbench.evaluate)."
    if len(sound) == 1:
        return f"Of these, use {one_line(sound[0])}."
    if contest.as_good_as_equal(sound):
        return "Take the faster one."
    needed = "" if _needed_to_rank(contest) else _needed(contest)
    return f"{capitalized(needed)}." if needed else ""


def _remedies(contest: Contest) -> str:
    """Return what to do about a fault that all models share on which it depends; "" if there is nothing."""
    concerned = contest.leaders or list(contest.faults)
    if contest.too_few and contest.leaders:
        return ""
    remedies = {contest.faults[name].remedy if name in contest.faults else "" for name in concerned}
    return remedies.pop() if len(remedies) == 1 else ""


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"


def is_self_supervised(model: ModelSummary) -> bool:
    """Return whether a model learned from degraded copies alone, without any human label."""
    return (model.trained_on or "").startswith("self-supervised") and ", then " not in (model.trained_on or "")


def _photos(summary: Summary) -> str:
    """Return the number of photos, and of independent ones where some are near-copies."""
    clusters, counted = summary.clusters, _number(summary.photos_judged, "photo")
    return counted if clusters.clusters == clusters.photos else f"{counted} ({clusters.clusters:,} independent)"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _reasons(summary: Summary) -> str:
    """Return the statuses of the pairs without an answer in brackets."""
    statuses = dict.fromkeys(status for model in summary.models.values() for status in model.failures)
    if summary.counts.pairs.not_applicable:
        statuses["not applicable"] = None
    return f" ({', '.join(statuses)})" if statuses else ""


def _two_digits(number: int) -> int:
    """Return a number rounded to two digits.

    Example:
        >>> _two_digits(142), _two_digits(73), _two_digits(1059)
        (140, 73, 1100)
    """
    step = int(10 ** max(0, len(str(number)) - 2))
    return round(number / step) * step
