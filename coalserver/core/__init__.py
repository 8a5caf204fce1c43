"""The core: commands change entities in memory, the batch writer stores them, the feed publishes events."""
