"""Models that compare photos, one module per family."""
