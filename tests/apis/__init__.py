"""Tests of every API over the real application: its document and its conventions."""
