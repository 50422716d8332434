"""What a training run needs around Lightning's Trainer."""
