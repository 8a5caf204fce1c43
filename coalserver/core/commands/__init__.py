"""Commands: plain functions that change entities and emit events in a unit of work. They never await."""
