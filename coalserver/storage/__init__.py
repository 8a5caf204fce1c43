"""Stores, the data directory and backups."""
