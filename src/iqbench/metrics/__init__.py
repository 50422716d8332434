"""Metrics: agreement of predictions with labels. Each is a function; an undefined metric is None, never 0."""
