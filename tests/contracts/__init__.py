"""Contracts with clients, operators and data directories, recorded and compared.

All tests use HTTP, WebSockets, the command line and files on disk. No module imports the server, so the
same script runs before and after a change of its code. `python -m tests.contracts.record` writes the recordings.
"""
