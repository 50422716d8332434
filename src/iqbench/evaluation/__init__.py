"""The evaluation: how well a model agrees with what people said about photos, and how sure that is."""
