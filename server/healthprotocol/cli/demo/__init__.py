"""The demo clinic: protocols, people and what they did, made through the services like anybody else's."""
