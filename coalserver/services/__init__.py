"""Services that run beside the requests, such as housekeeping, and change data by commands only."""
