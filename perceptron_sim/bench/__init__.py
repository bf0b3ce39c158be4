"""How fast it is here, against other programs."""
