"""Minecraft worlds: run state, visitors, visits, history and server properties."""
