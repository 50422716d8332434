"""Checks of labels before a model learns from them."""
