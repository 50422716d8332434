"""The evaluation: how well a model agrees with people's labels, with intervals and baselines."""
