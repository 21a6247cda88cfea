"""A server of one's own that speaks the images protocol, as a loopback server."""
