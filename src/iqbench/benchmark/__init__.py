"""The benchmark: plan, engine, store, verdicts, statistics. See `iqbench.bench` for the order."""
