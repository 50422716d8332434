"""Agreement among people in words, and the ceiling that it sets for every judge."""

from iqbench.reporting.text_format import decimal, percent
from iqbench.results.agreement_summary import PairAgreement, VoteAgreement
from iqbench.results.evaluation_summary import EvaluatedSet, PairModel, VoteModel
from iqbench.statistics.estimate import Estimate

COUNTED = "the votes are counted, and each voter is part of the majority"
MANY = "the number of votes is unknown and taken for large: the means of p^2 + (1 - p)^2 and of max(p, 1 - p)"


def voters(result: EvaluatedSet) -> PairAgreement | None:
    """Return the agreement that tells how often one voter agrees with another one; None where the labels do not."""
    model = result.first_model
    pairs = model if isinstance(model, PairModel) else getattr(model, "pairs_from_votes", None)
    one_voter = pairs.one_voter_agreement if pairs is not None else None
    return pairs if one_voter is not None and one_voter.value is not None else None


def voter_lines(result: EvaluatedSet) -> list[str]:
    """Return the lines under a table about the agreement of people, none where it is unknown."""
    model, pairs = result.first_model, voters(result)
    lines = [] if pairs is None else [_pair_line(pairs, made="in the pairs, " if isinstance(model, VoteModel) else "")]
    return lines + (_vote_lines(model) if isinstance(model, VoteModel) else [])


def _pair_line(pairs: PairAgreement, made: str) -> str:
    another = pairs.one_voter_agreement.value if pairs.one_voter_agreement is not None else None
    line = (
        f"{made}one voter agrees with another in {percent(another)} %, with the majority in "
        f"{percent(pairs.best_voter_agreement.value)} % (the ceiling of the agreement with voters)"
    )
    return f"{line}; {COUNTED if pairs.votes_per_pair == 'counted' else MANY}"


def _vote_lines(model: VoteAgreement) -> list[str]:
    reliability, ceiling = model.reliability, model.ceiling
    if reliability is None or ceiling is None:  # an older evaluation
        return []
    if ceiling.value is None:
        return [f"the ceiling of SRCC is unknown: {ceiling.reason}"]
    return [
        f"SRCC of as many other voters: {_with_interval(reliability)}; of the best possible judge (the ceiling): "
        f"{_with_interval(ceiling)}; from random halves of the voters (Spearman-Brown)"
    ]


def _with_interval(estimate: Estimate) -> str:
    interval = "" if estimate.interval is None else f" [{', '.join(map(decimal, estimate.interval))}]"
    return f"{decimal(estimate.value)}{interval}"
