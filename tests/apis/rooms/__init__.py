"""The rooms API: what its document says, and what we add to it."""
