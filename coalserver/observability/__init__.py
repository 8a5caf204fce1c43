"""Observability: the log."""
