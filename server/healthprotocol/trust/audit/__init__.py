"""Who did or saw what, of whom, why and from where: written with the act itself, never changed."""
