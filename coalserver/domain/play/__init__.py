"""Games and play: players, lobbies, rooms and what their members send."""
