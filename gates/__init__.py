"""The security gates: what they examine, and what they know about GoPro."""
