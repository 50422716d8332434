"""Temporary: turns the untyped dictionaries of the statistics into a `Summary`, until they are typed themselves."""

from typing import Any

from iqbench.results.summary import Summary


def typed(summary: dict[str, Any]) -> Summary:
    """Return the summary with its keys in the vocabulary of `Summary`."""
    summary = dict(summary)
    summary["baselines"] = summary.pop("nulls", {})
    summary["models"] = {name: _model(model) for name, model in summary["models"].items()}
    return Summary.model_validate(summary)


def _model(model: dict[str, Any]) -> dict[str, Any]:
    model = dict(model)
    against = model.pop("against_nulls")
    model["against_baselines"] = {
        "overall": _against(against["overall"]),
        "by_degradation": {kind: _against(one) for kind, one in against["by_degradation"].items()},
        "chooses_like": against["chooses_like"],
    }
    model["monotonicity"] = model.pop("ranking_consistency")
    model["confidence"] = model["confidence"] | {
        "by_degradation": {
            kind: {key.replace("said", "stated"): value for key, value in one.items()}
            for kind, one in model["confidence"]["by_degradation"].items()
        }
    }
    again = dict(model["repeatability"])
    again["repeat_sample"] = again.pop("second_look")
    model["repeatability"] = again
    return model


def _against(one: dict[str, Any]) -> dict[str, Any]:
    return {
        {"null": "baseline", "null_accuracy": "baseline_accuracy"}.get(key, key): value for key, value in one.items()
    }
