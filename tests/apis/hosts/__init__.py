"""Tests of the hosts & sessions API."""
