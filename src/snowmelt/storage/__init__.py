"""The only room that imports duckdb: engine, transactions, change tracking, stages' files."""
