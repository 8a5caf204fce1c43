"""The rules: state machines, events and reasons. Pure; imports nothing but the standard library."""
