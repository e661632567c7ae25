"""What users' tests need: a manual clock and an in-process server."""
