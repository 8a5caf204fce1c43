"""Queries: plain functions that answer from memory. What is history, ports give."""
