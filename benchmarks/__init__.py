"""Measurements of Snowmelt, next to baselines written by hand."""
