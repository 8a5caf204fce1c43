"""Hosted worlds: the rules of Minecraft worlds whose processes this server runs itself."""
