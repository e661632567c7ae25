"""Stream offsets and deltas."""
