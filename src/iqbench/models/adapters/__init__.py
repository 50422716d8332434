"""Adapters: models of other people, one module per family."""
