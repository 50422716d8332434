"""Estimates, bootstrap, paired tests and calibration over arrays. Knows nothing of photos."""
