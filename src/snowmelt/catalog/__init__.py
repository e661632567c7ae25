"""What exists: frozen dataclasses and name rules. Pure."""
