"""How `sam build` packs the functions; nothing here runs on Lambda."""
