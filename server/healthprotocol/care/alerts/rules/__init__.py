"""
When the care team is told, pure.

`recorded` reads what was measured and answered, `planned` what was due, `episodes` decides what opens, goes on and
ends. Source: care rules §6.
"""
