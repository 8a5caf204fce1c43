"""Every API over the real application: its document, its manners."""
