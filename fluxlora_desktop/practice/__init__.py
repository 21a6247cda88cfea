"""The services as loopback servers, for practice mode and for tests."""
