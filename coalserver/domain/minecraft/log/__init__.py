"""The log of a Minecraft server, line by line."""
