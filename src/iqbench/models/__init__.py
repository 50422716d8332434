"""Models that judge photos, one family a file."""
