"""The label audit: checks of labels before a model learns from them, or is evaluated on them."""
