"""Model registry, artefacts and inference."""
