"""Snowflake text to statement dataclasses to DuckDB text. Pure, no I/O."""
