"""Stories: told in one dialect, heard in another."""
