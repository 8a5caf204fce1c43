"""The server process: composition, life cycle, sockets and the admin socket."""
