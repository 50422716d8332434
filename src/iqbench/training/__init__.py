"""The parts of a training run around Lightning's Trainer."""
