"""Connections that carry bytes: TLS in blocks, pools, and which addresses may be reached."""
