"""Together as a loopback server: the catalogue, and pictures with and without LoRAs."""
