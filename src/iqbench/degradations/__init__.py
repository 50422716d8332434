"""Degradations: pure functions from photo to photo, and the ladders of levels they are applied at."""
