"""HealthProtocol: care protocols, from the page they are written on to the day they are followed."""

__version__ = "0.1.0"
