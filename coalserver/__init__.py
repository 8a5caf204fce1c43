"""coalserver: one aiohttp process and one SQLite file for multiplayer games."""

__version__ = "0.1.0"
