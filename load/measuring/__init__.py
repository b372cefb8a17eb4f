"""How the benchmarks ask the real server, and what they read off it."""
