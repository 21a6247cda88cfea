"""Background work: the only place where threads meet Qt."""
