"""Limits of a sample: the error rate that it cannot exclude, and the smallest p-value that it can reach."""


def rule_of_three(n: int) -> float:
    """Return the upper 95 % bound of an error rate after ``n`` trials without an error.

    Example:
        >>> rule_of_three(60), rule_of_three(1)
        (0.05, 1.0)

    Reference:
        Hanley and Lippman-Hand (1983), If nothing goes wrong, is everything all right?
    """
    return min(1.0, 3 / n)


def smallest_sign_test_p(photos: int) -> float:
    """Return the smallest two-sided p-value of a sign test on this number of photos.

    Example:
        >>> smallest_sign_test_p(5)
        0.0625
    """
    return float(2.0 ** (1 - photos))


def smallest_bootstrap_p(resamples: int, comparisons: int = 1) -> float:
    """Return the smallest two-sided bootstrap p-value after the Holm correction for ``comparisons``.

    Example:
        >>> smallest_bootstrap_p(399, comparisons=21)
        0.105
    """
    return 2 * comparisons / (resamples + 1)
