"""The pages of Minecraft worlds."""
