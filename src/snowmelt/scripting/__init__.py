"""Snowflake Scripting: runs the blocks that `snowmelt.sql.parse_block` reads."""
