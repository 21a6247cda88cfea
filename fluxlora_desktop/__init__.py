"""FluxLoRA Desktop: photos in, an own FLUX LoRA out, pictures from it."""

__version__ = "0.1.0"
