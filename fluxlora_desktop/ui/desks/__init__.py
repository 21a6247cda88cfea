"""Desks: what the pages ask, run in the background, and what they are told. No widgets here."""
