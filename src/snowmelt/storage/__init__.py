"""The only room that imports duckdb: engine, transactions, loading, stages' files."""
