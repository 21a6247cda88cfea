"""How a library of an older app becomes one of this app."""
