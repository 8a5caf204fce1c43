"""How HTTP is done, once: the one way in, the one way to listen. Knows no dialect."""
