"""Together: pictures without a LoRA and with one or two."""
