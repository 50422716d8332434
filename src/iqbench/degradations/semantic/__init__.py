"""Semantic damage: the subject of a photo is removed, or its background is changed."""
