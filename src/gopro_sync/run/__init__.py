"""What one night does: what is found, which of it is taken, how a video is archived, and what is reported."""
