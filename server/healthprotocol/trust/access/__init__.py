"""Which patients an actor may see: asked by every service that touches a patient's data, whatever door it came by."""
