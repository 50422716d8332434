"""The subject removed, a third of it, two thirds or the whole, with two controls of each level."""

from collections.abc import Sequence
from functools import partial

from iqbench.degradations.ladder import Control, Degradation, Ladder, Level
from iqbench.degradations.semantic.scene import scene_of
from iqbench.degradations.semantic.subject import SubjectFinder
from iqbench.interfaces import Photo


def remove_subject(photo: Photo, share: float, finder: SubjectFinder) -> Photo:
    """Return the photo without a share of its subject, filled from the background.

    Raises:
        NotApplicable: If the photo has no clear subject, or something that stands out is left in its place.
    """
    return scene_of(photo, finder).removed(share)


def hole(photo: Photo, share: float, finder: SubjectFinder) -> Photo:
    """Return the photo with its subject, and a hole of the same shape in the background that is filled the same way.

    Raises:
        NotApplicable: If the removal cannot be made, or there is no room for the hole.
    """
    return scene_of(photo, finder).hole(share)


def pasted(photo: Photo, share: float, finder: SubjectFinder) -> Photo:
    """Return the photo with the share of its subject removed, and the subject pasted back.

    Raises:
        NotApplicable: If the removal cannot be made.
    """
    return scene_of(photo, finder).pasted_back(share)


def remove_subject_ladder(share: Sequence[float], subject: SubjectFinder) -> Degradation:
    """Return a ladder of removals, one level per ``share`` of the subject; more is worse.

    Raises:
        ValueError: If a share is not above 0 and at most 1.
    """
    if not all(0 < s <= 1 for s in share):
        raise ValueError(f"share must be above 0 and at most 1, not {list(share)}")
    levels, controls = list[Level](), list[Control]()
    for s in sorted(share):
        name = f"{100 * s:.0f}pct"
        levels.append(Level(name, partial(remove_subject, share=s, finder=subject), round(100 * s, 1)))
        for kind, apply in {"hole": hole, "pasted": pasted}.items():
            controls.append(Control(kind, partial(apply, share=s, finder=subject), of=name))
    return Degradation("semantic", [Ladder("", levels, "% removed")], controls, subject.made_with)
