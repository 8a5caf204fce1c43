"""Accounts, login sessions and OAuth."""
