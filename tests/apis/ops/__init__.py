"""Tests of the API for operators."""
