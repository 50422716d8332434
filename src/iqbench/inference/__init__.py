"""Running a model over photos: worker pool, batching, autotuning, encoding. Benchmark and evaluation build on it."""
