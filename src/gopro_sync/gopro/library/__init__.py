"""The GoPro library: its listing, its items, where their files are, and what changed in the API."""
