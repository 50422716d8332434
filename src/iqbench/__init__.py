"""iqbench: shows what a model that judges photos is blind to.

The two calls for people::

    import iqbench

    iqbench.load("siamese").compare("a.jpg", "b.jpg")
    iqbench.load("ava").score("a.jpg")
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iqbench.judge import Judge

__all__ = ["load"]


def load(model: str, checkpoint: str | None = None, device: str = "auto") -> "Judge":
    """Return a judge of photo files.

    Args:
        model: A name from conf/model: ``siamese``, ``ava``, ``iqa``, ``sharpness``, ...
        checkpoint: A checkpoint of a learned model, instead of its packaged reference weights.
        device: ``auto``, ``cpu``, ``cuda``, ...

    Raises:
        UsageError: If there is no such model, or the checkpoint cannot be used.
    """
    from iqbench.judge import Judge  # torch is imported only when it is needed

    return Judge.load(model, checkpoint, device)
