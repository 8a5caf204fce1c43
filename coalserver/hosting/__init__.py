"""Minecraft servers that run on this machine: the processes, their consoles and files."""
