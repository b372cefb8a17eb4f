"""Flags in SQL."""
