"""AWS: the clients that everything is passed, and what its answers mean."""
