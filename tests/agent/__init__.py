"""The agent that feeds a world to the server."""
