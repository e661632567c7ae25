"""Event-table rows from OpenTelemetry."""
