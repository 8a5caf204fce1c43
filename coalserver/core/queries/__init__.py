"""Queries: plain functions that read entities from memory. Stored history is read through ports.History."""
