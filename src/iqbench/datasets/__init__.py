"""Data sets: sources of photos for the benchmark, and of labelled examples for training."""
