"""iqbench: shows what a model that judges photos is blind to."""
