"""The logistic curve from scores to mean opinions, after which papers report a linear correlation."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize
from scipy.special import expit

MIN_PHOTOS = 5
"""One more than the parameters of the curve."""

CENTRES, WIDTHS = np.linspace(0, 1, 11), np.log(np.geomspace(0.1, 20, 9))
"""Where a fit may start: quantiles of the scores, and logarithms of widths, from nearly a step to nearly a line."""

NARROWEST, WIDEST = 0.05, 100.0
"""Bounds of the width in spreads: a steeper step would follow single photos, a wider curve is a line."""

REACH = 3.0
"""The centre lies at most so many ranges of the scores away from their median."""

TINY = 1e-12
"""A curve that bends less has no slope."""

Values = Float[np.ndarray, "n"]


class Logistic(NamedTuple):
    """The curve ``(high - low) / (1 + exp(-(x - centre) / width)) + low``.

    ``width`` is positive. Where ``high`` is below ``low``, the curve falls: opinions get worse as scores rise.

    Reference:
        VQEG, *Final report from the Video Quality Experts Group on the validation of objective models of video quality
        assessment, phase II*, 2003, with four parameters. Sheikh, Sabir and Bovik, *A statistical evaluation of recent
        full reference image quality assessment algorithms*, IEEE TIP 2006, add a linear term, which makes five.
    """

    high: float
    low: float
    centre: float
    width: float

    def __call__(self, scores: Values) -> Values:
        """Return the opinions that the curve predicts.

        Example:
            >>> Logistic(5.0, 1.0, 0.0, 1.0)(np.array([-99.0, 0.0, 99.0])).tolist()
            [1.0, 3.0, 5.0]
        """
        curve: Values = self.low + (self.high - self.low) * expit((scores - self.centre) / self.width)
        return curve

    @property
    def rises(self) -> bool:
        """True if opinions get better as scores rise."""
        return self.high >= self.low


def fit_logistic(scores: Values, opinions: Values) -> Logistic | None:
    """Return the curve of the least squares, or None for too few photos, or if a side is constant or infinite.

    For a centre and a width, the two ends are a linear regression. So only these two are searched for: on a grid, and
    from its best point on.

    Args:
        scores: The scores of photos by a model.
        opinions: What people think of these.

    Example:
        >>> scores = np.linspace(-3, 3, 30)
        >>> curve = fit_logistic(scores, 1 + 4 / (1 + np.exp(-(scores - 0.5) / 0.8)))
        >>> [round(parameter, 3) for parameter in curve]
        [5.0, 1.0, 0.5, 0.8]
    """
    if len(scores) < MIN_PHOTOS or not all(np.isfinite(side).all() and np.ptp(side) > 0 for side in (scores, opinions)):
        return None
    middle, spread = float(np.median(scores)), _spread(scores)
    x, y = (scores - middle) / spread, (opinions - opinions.mean()) / float(np.ptp(opinions))
    far = REACH * float(np.ptp(x))

    def loss(shape: Values) -> float:
        return _regression(x, y, *shape)[0]

    starts = [np.array([centre, width]) for centre in np.quantile(x, CENTRES) for width in WIDTHS]
    start = min(starts, key=loss)
    found = minimize(loss, start, method="L-BFGS-B", bounds=[(-far, far), (np.log(NARROWEST), np.log(WIDEST))])
    centre, width = found.x if found.fun < loss(start) else start
    _, low, high = _regression(x, y, centre, width)
    base, height = float(opinions.mean()), float(np.ptp(opinions))
    return Logistic(
        base + height * high, base + height * low, middle + spread * float(centre), spread * float(np.exp(width))
    )


def _regression(x: Values, y: Values, centre: float, width: float) -> tuple[float, float, float]:
    """Return the squared error and the two ends of the best curve with a centre and a logarithmic width."""
    share = expit((x - centre) * np.exp(-width))
    deviations, lift = share - share.mean(), y - y.mean()
    square = float(deviations @ deviations)
    slope = float(deviations @ lift) / square if square > TINY else 0.0
    low = float(y.mean() - slope * share.mean())
    return float(((lift - slope * deviations) ** 2).sum()), low, low + slope


def _spread(scores: Values) -> float:
    """Return the half range of the middle half of the scores, or their standard deviation where that has no width."""
    low, high = np.quantile(scores, [0.25, 0.75])
    return float(high - low) / 2 or float(scores.std())
