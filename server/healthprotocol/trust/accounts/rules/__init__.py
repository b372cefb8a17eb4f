"""Decisions about passwords, sessions and attempts: pure."""
