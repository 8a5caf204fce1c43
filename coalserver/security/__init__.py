"""Security: password hashing, encryption of stored secrets, opaque keys."""
