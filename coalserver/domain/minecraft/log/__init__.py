"""The parser of Minecraft server logs."""
