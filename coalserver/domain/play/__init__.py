"""Games, players, lobbies and rooms."""
