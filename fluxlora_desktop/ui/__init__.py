"""Widgets: they show and ask, they do not decide."""
