"""Tests of the OAuth 2 API."""
