"""Package the functions for `sam build`; nothing here runs on Lambda."""
