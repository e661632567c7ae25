"""Rewrite rules from Snowflake's query language to DuckDB's, one family a file."""
