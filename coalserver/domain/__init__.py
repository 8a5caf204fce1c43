"""The domain: entities, their rules, events and error codes. Pure functions and immutable values."""
