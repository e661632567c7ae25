"""Statement and catalog to typed steps. Pure."""
