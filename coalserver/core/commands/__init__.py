"""Commands: plain functions over a unit. Each finds, asks, puts and says, and never awaits."""
