"""Minecraft worlds, their visitors and their history."""
