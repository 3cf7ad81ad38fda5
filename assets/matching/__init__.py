"""Links rows of a source to a registry: identifiers first, then names. DuckDB does the work; everything is pure."""
