"""Answers about labelled photos that no model ever gave, for tests of what is measured from them."""

import numpy as np
import pandas as pd
from scipy.special import expit


def pair_answers(series, seed=0, noise=1.0, ties=0.1):
    """Complete series of two to five photos; ``ties`` is the share of pairs without a winner, and of margins of 0."""
    random, rows = np.random.default_rng(seed), []
    for number in range(series):
        quality = random.normal(size=random.integers(2, 6))
        for i in range(len(quality)):
            for j in range(i + 1, len(quality)):
                gap = quality[i] - quality[j]
                rows.append(
                    (f"{number}-{i}", f"{number}-{j}", number, expit(gap).round(3), gap + noise * random.normal())
                )
    table = pd.DataFrame(rows, columns=["first", "second", "series", "preference", "margin"])
    table.loc[random.random(len(table)) < ties, "preference"] = 0.5
    table.loc[random.random(len(table)) < ties, "margin"] = 0.0
    return table.assign(weight=random.choice([0.5, 1.0, 2.0], len(table)), status="ok")


def tangled_answers(photos, pairs, seed=0, noise=1.0):
    """A list of pairs of so few photos that all of them hang together."""
    random = np.random.default_rng(seed)
    quality, bias = random.normal(size=photos), noise * random.normal(size=photos)
    first = random.integers(photos, size=pairs)
    second = (first + random.integers(1, photos, size=pairs)) % photos
    gap = quality[first] - quality[second]
    names = np.array([f"{photo:03}" for photo in range(photos)])
    return pd.DataFrame(
        {"first": names[first], "second": names[second], "series": 0, "preference": np.where(gap > 0, 1.0, 0.0)}
        | {"weight": 1.0, "margin": gap + bias[first] - bias[second], "status": "ok"}
    )


def vote_answers(photos, seed=0, votes=True):
    """Photos with votes, and predictions that have something to do with them."""
    random = np.random.default_rng(seed)
    mean = random.normal(5.4, 1.0, photos)
    given, guessed = (_votes(mean + random.normal(0, spread, photos), random) for spread in (0.0, 0.7))
    ratings = np.arange(1, 11)
    table = pd.DataFrame({"photo": [f"./{at:05}.jpg" for at in range(photos)], "status": "ok"})
    table["true"], table["predicted"] = given @ ratings / given.sum(axis=1), guessed @ ratings / guessed.sum(axis=1)
    if votes:
        table[[f"t{rating}" for rating in ratings]] = given
        table[[f"p{rating}" for rating in ratings]] = guessed / guessed.sum(axis=1, keepdims=True)
    return table


def flipped(answers):
    """The same pairs, each with its photos in the other order."""
    return answers.assign(
        first=answers["second"],
        second=answers["first"],
        preference=1 - answers["preference"],
        margin=-answers["margin"],
    )


def _votes(mean, random):
    drawn = np.clip(np.round(random.normal(mean[:, None], 1.4, (len(mean), 60))), 1, 10).astype(int)
    return np.stack([(drawn == rating).sum(axis=1) for rating in range(1, 11)], axis=1)
