"""The typed results on damage that has controls: its effect beyond them."""

from iqbench.statistics.estimate import Accuracy, Difference


class SemanticEffect(Difference):
    """The share that prefers the original to a damage, minus the share that prefers it to the damage's control.

    A control has the side effects of the damage, such as a filled hole, and not what makes it damage, so the difference
    is what a model sees of that. It is paired by photo: only photos count of which both could be made and judged.
    ``level`` is None over all levels. p is corrected for all levels, controls, types and models.
    """

    degradation_type: str
    level: str | None
    control: str
    photos: int
    over_damage: Accuracy
    over_control: Accuracy
