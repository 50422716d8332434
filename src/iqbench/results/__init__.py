"""The results of runs: the store, its reader and verification, and the typed summaries."""

FILE_NAME = "results.sqlite"
"""The file name of a store. It is here so that programs know it without importing torch."""
