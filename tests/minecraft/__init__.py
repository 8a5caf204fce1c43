"""Node programs that act as a Minecraft server and as players, with packages from npm."""
