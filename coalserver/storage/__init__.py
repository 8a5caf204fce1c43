"""Where it is kept: one file per store."""
