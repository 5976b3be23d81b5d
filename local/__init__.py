"""The cloud on your machine: an embedded AWS engine and a GoPro Cloud simulator."""
