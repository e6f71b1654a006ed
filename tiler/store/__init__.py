"""All that survives a kill: the work folder and what lies in it."""
