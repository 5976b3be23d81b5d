"""The security gates: what they look at, and what they know of GoPro."""
