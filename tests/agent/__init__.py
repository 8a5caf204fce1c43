"""Tests of the agent that sends a world's log to the server."""
