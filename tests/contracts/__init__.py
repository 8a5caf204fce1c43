"""Contracts: what clients, operators and data directories rely on, recorded and compared.

Everything here goes through HTTP, WebSockets, the command line and files on disk. Nothing imports the server, so the
same script runs before and after its code is rearranged. `python -m tests.contracts.record` writes what is compared.
"""
