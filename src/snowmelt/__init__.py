"""Snowmelt: Snowflake ML pipelines on one's own machine."""

__version__ = "0.1.0"
