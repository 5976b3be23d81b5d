"""The GoPro library: its listing, its items, their files, and what has changed in the API."""
