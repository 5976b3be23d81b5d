"""What one night does: what is found, what of it is taken, how one video gets into the archive, what is told of it."""
