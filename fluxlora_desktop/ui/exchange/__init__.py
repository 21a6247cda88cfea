"""Export and import of LoRAs and libraries: the dialog, and the card in Settings."""
