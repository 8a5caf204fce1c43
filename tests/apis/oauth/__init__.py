"""OAuth 2: what the document says, and what else must hold."""
