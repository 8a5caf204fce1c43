"""Real Minecraft programs: a server and players that speak the game's protocol, from npm."""
