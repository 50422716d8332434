"""Culling: series of photos, the best of each, an order of preference, and star ratings in sidecars."""
