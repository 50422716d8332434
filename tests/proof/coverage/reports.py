"""Claims of the written report about judges of whom nothing is true to be claimed."""

import re
from collections.abc import Iterator

import numpy as np

from fixtures.verdict_tables import summarized
from iqbench.reporting.blind_spots import blind_spots, conditions
from iqbench.reporting.takeaways import takeaways
from iqbench.results.summary import Summary
from proof.coverage.cells import Cell, SimulatedTable, at_least, at_most
from proof.coverage.judges import suited_right, verdicts

CLAIMS = re.compile(r"better than|is shown to|Prefers the|worse than|may use nothing else|may detect|Right in all")


def coins(photos: int, judges: int, runs: int) -> dict[str, float]:
    """Return what KEY_TAKEAWAYS.md says about judges that toss coins.

    ``quiet``: no line of praise or blame about the first of them. ``type seen``, ``level seen``: one that is no blind
    spot of all of them.
    """
    quiet, seen = 0, np.zeros(2)
    for run in range(runs):
        random = np.random.default_rng(run)
        answers = suited_right(np.full(judges, 0.5), photos, random, spread=0.0)
        summary = summarized(verdicts(answers, random.random(answers.shape)), resamples=20)
        about = takeaways(summary).split("## m00")[1].split("\n## ")[0]
        quiet += not any(CLAIMS.search(line) and "Not shown" not in line for line in about.splitlines())
        seen += _seen(summary)
    of_type, of_level = seen / runs
    return {"quiet": quiet / runs, "type seen": of_type, "level seen": of_level}


def coin_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos and judges."""
    for photos, judges in ((8, 1),) if quick else ((8, 1), (8, 3), (50, 1), (50, 3)):
        yield {"photos": photos, "judges": judges, "runs": 60 if quick else 200 if judges == 1 else 60}


def alike(photos: int, judges: int, accuracy: float, runs: int) -> dict[str, float]:
    """Return how often a judge that sees all types alike is said to be stronger on one than on another."""
    claims = 0
    for run in range(runs):
        answers = suited_right(np.full(judges, accuracy), photos, np.random.default_rng(run), spread=0.0)
        lines = takeaways(summarized(verdicts(answers), resamples=20)).splitlines()
        claims += any("Strongest on" in line and "No difference shown" not in line for line in lines)
    return {"types told apart": claims / runs}


def alike_cells(quick: bool) -> Iterator[Cell]:
    """Yield the cells of photos, judges and their accuracy."""
    for photos, judges, accuracy in ((8, 1, 0.9),) if quick else ((8, 3, 0.9), (50, 3, 0.9), (50, 3, 0.7)):
        yield {"photos": photos, "judges": judges, "accuracy": accuracy, "runs": 30 if quick else 60}


def _seen(summary: Summary) -> tuple[bool, bool]:
    """Return whether any type, and any level of a type that is a blind spot of none, is no blind spot of all models."""
    spots = {spot.condition.name for spot in blind_spots(summary)}
    judged = {condition.name: condition for model in summary.models.values() for condition in conditions(model)}
    blind = {
        condition.degradation_type for condition in judged.values() if condition.is_type and condition.name in spots
    }
    seen = [condition for condition in judged.values() if condition.name not in spots]
    return (
        any(condition.is_type for condition in seen),
        any(not condition.is_type and condition.degradation_type not in blind for condition in seen),
    )


TABLES = (
    SimulatedTable(
        "coins",
        "A judge that tosses coins gets no line of praise or blame in at least 95 % of reports.",
        coins,
        coin_cells,
        {
            "quiet": (at_least(0.95),),
            "type seen": (at_most(0.05),),
            "level seen": (at_most(0.05),),
        },
    ),
    SimulatedTable(
        "alike",
        "A judge that sees all types alike is called stronger on one than on another in at most 5 %.",
        alike,
        alike_cells,
        {"types told apart": (at_most(0.05),)},
    ),
)
