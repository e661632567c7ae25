"""Snowflake's REST protocol (ASGI)."""
