"""iqbench from Python: what a program may give as models, photos and damage, and what it gets back."""
