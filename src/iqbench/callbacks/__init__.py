"""Callbacks that record a training (telemetry), and functions that read its records."""
