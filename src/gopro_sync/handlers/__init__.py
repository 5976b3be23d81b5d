"""Lambda entry points: event in, one call, dict out."""
