"""Pixels: decode, measure, check, package, and the words inside picture files."""
