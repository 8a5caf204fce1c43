"""Tests of the rooms API: its document, and the additions to it."""
