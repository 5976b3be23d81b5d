"""Values at the edges: read from outside without trust, and written in one form."""
