"""What makes a flag stale, how it changes, and when a rollout goes on."""
