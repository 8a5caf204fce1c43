"""Scenarios: act in one API and observe in another, and restarts in the middle of a game."""
