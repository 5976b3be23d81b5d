"""AWS: the clients, and what its answers mean."""
