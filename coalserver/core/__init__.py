"""What happens: commands change values in memory, the ledger puts them on disk, the feed speaks of them."""
