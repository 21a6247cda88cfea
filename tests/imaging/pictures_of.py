"""Pictures as other programs write them, in each one's documented format."""

from __future__ import annotations

import io
import json
import struct
import zlib
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

SCENE = Image.linear_gradient("L").convert("RGB").resize((64, 48))

A1111 = (
    "a fox on a beach, (golden hour:1.2) <lora:fox_v1:0.8>\n"
    "Negative prompt: blurry, low quality\n"
    "Steps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: 1234567890, "
    "Size: 512x640, Model hash: 6ce0161689, Model: v1-5-pruned, VAE: vae-ft-mse, "
    'Lora hashes: "fox_v1: 9ffa1f31c2a8", Version: v1.10.1'
)
FORGE = (
    "a fox <lora:fox_v1:1>\n"
    "Steps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, "
    "Seed: 42, Size: 896x1152, Model hash: 6ce0161689, Model: flux1-dev-bnb-nf4-v2, "
    'Lora hashes: "fox_v1: 9ffa1f31c2a8", Version: f2.0.1v1.10.1-previous-659-gc055f2d4, '
    "Module 1: ae, Module 2: clip_l"
)
CIVITAI = (
    "a fox in the snow\nNegative prompt: blurry\n"
    "Steps: 28, Sampler: Undefined, CFG scale: 3.5, Seed: 7, Size: 832x1216, "
    "Created Date: 2024-11-23T1209:41.1Z, "
    'Civitai resources: [{"type":"checkpoint","modelVersionId":691639,"modelName":"FLUX",'
    '"modelVersionName":"Dev"},{"type":"lora","weight":0.8,"modelVersionId":736456,'
    '"modelName":"Fox, the animal","modelVersionName":"v1"}], Civitai metadata: {}'
).replace("T1209:41.1Z", "T12:09:41.100Z")
SWARM: dict[str, Any] = {
    "sui_image_params": {
        "prompt": "a fox, “wild” — 狐",
        "negativeprompt": "blurry",
        "model": "Flux/flux1-dev-fp8",
        "seed": 305223794,
        "steps": "25",
        "cfgscale": 1.0,
        "fluxguidancescale": "3.5",
        "aspectratio": "1:1",
        "width": 1024,
        "height": 1024,
        "sampler": "euler",
        "scheduler": "normal",
        "loras": ["styles/fox_v1"],
        "loraweights": ["0.8"],
        "swarm_version": "0.9.6.2",
    },
    "sui_extra_data": {"date": "2024-08-07", "generation_time": "6.11 (prep) and 4.84 (gen)"},
    "sui_models": [
        {"name": "styles/fox_v1.safetensors", "param": "loras", "hash": "0x9ffa1f31c2a8dead"}
    ],
}
INVOKE: dict[str, Any] = {
    "generation_mode": "flux_txt2img",
    "positive_prompt": "a fox\nin the snow",
    "negative_prompt": "",
    "width": 1024,
    "height": 768,
    "seed": 2**40,
    "steps": 30,
    "cfg_scale": 1.0,
    "guidance": 4.0,
    "scheduler": "euler",
    "model": {
        "key": "4f5c",
        "hash": "blake3:0123abcd",
        "name": "FLUX Dev (Quantized)",
        "base": "flux",
        "type": "main",
    },
    "loras": [{"model": {"key": "a", "hash": "blake3:ff", "name": "fox v1"}, "weight": 0.75}],
    "app_version": "5.4.2",
}
COMFY_SD: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 156680208700286,
            "steps": 20,
            "cfg": 8.0,
            "sampler_name": "euler",
            "scheduler": "normal",
            "denoise": 1.0,
            "model": ["10", 0],
            "positive": ["6", 0],
            "negative": ["7", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["10", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["10", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {
            "lora_name": "fox_v1.safetensors",
            "strength_model": 0.8,
            "strength_clip": 1.0,
            "model": ["4", 0],
            "clip": ["4", 1],
        },
    },
}
COMFY_FLUX: dict[str, Any] = {
    "1": {"class_type": "UNETLoader", "inputs": {"unet_name": "flux1-dev.safetensors"}},
    "2": {
        "class_type": "Power Lora Loader (rgthree)",
        "inputs": {
            "PowerLoraLoaderHeaderWidget": {"type": "x"},
            "lora_1": {"on": True, "lora": "first.safetensors", "strength": 0.6},
            "lora_2": {"on": False, "lora": "off.safetensors", "strength": 1},
            "model": ["1", 0],
        },
    },
    "3": {
        "class_type": "LoraLoaderModelOnly",
        "inputs": {"lora_name": "second.safetensors", "strength_model": 1, "model": ["2", 0]},
    },
    "4": {"class_type": "ModelSamplingFlux", "inputs": {"max_shift": 1.15, "model": ["3", 0]}},
    "5": {"class_type": "PrimitiveString", "inputs": {"value": "a fox"}},
    "6": {
        "class_type": "StringConcatenate",
        "inputs": {"string_a": ["5", 0], "string_b": "at dusk", "delimiter": ", "},
    },
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": ["6", 0], "clip": ["20", 0]}},
    "8": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["7", 0]}},
    "9": {"class_type": "SomeExtension", "inputs": {"anything": ["8", 0], "mode": "on"}},
    "10": {
        "class_type": "BasicGuider",
        "inputs": {"model": ["4", 0], "conditioning": ["9", 0]},
    },
    "11": {"class_type": "EasySeed", "inputs": {"seed": 2**64 - 1}},
    "12": {"class_type": "RandomNoise", "inputs": {"noise_seed": ["11", 0]}},
    "13": {"class_type": "KSamplerSelect", "inputs": {"sampler_name": "euler"}},
    "14": {
        "class_type": "BasicScheduler",
        "inputs": {"scheduler": "simple", "steps": 24, "denoise": 1, "model": ["4", 0]},
    },
    "15": {
        "class_type": "SamplerCustomAdvanced",
        "inputs": {
            "noise": ["12", 0],
            "guider": ["10", 0],
            "sampler": ["13", 0],
            "sigmas": ["14", 0],
            "latent_image": ["16", 0],
        },
    },
    "16": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 1024}},
    "17": {"class_type": "VAEDecode", "inputs": {"samples": ["15", 0]}},
    "18": {"class_type": "SaveImage", "inputs": {"images": ["17", 0]}},
}
COMFY_DRAWN: dict[str, Any] = {
    "nodes": [
        {
            "id": 3,
            "type": "KSampler",
            "inputs": [
                {"name": "model", "link": 1},
                {"name": "positive", "link": 2},
                {"name": "negative", "link": 3},
                {"name": "latent_image", "link": None},
            ],
            "widgets_values": [99, "randomize", 12, 1, "euler", "simple", 1],
        },
        {"id": 4, "type": "UNETLoader", "widgets_values": ["flux1-dev.safetensors", "default"]},
        {"id": 6, "type": "CLIPTextEncode", "inputs": [], "widgets_values": ["a drawn fox"]},
        {"id": 7, "type": "CLIPTextEncode", "widgets_values": {"text": "blurry"}},
        {"id": 8, "type": "LoraLoaderModelOnly", "mode": 4, "widgets_values": ["off", 1]},
    ],
    "links": [
        [1, 4, 0, 3, 0, "MODEL"],
        [2, 6, 0, 3, 1, "CONDITIONING"],
        {"id": 3, "origin_id": 7, "origin_slot": 0, "target_id": 3, "target_slot": 2},
    ],
}


def png(**chunks: str) -> bytes:
    """Return a PNG with text chunks, as Pillow writes them; `_` in a keyword stands for `-`."""
    held, info = io.BytesIO(), PngInfo()
    for keyword, text in chunks.items():
        info.add_text(keyword.replace("__", "-"), text)
    SCENE.save(held, "PNG", pnginfo=info)
    return held.getvalue()


def exif(
    kind: str, *, comment: bytes = b"", order: str = "<", tags: dict[int, str] | None = None
) -> bytes:
    """Return a JPEG or WebP whose EXIF data have a UserComment and tags, in an order of bytes."""
    fresh = Image.Exif()
    fresh.endian = order
    for tag, text in (tags or {}).items():
        fresh[tag] = text
    if comment:
        fresh.get_ifd(0x8769)[0x9286] = comment
    held = io.BytesIO()
    SCENE.save(held, kind, exif=fresh.tobytes())
    return held.getvalue()


def swarm_jpeg() -> bytes:
    """Return a JPEG of SwarmUI, whose library writes the low byte of a letter first."""
    text = json.dumps(SWARM, indent=2, ensure_ascii=False)
    return exif("JPEG", comment=b"UNICODE\0" + text.encode("utf-16-le"))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunks(*chunks: bytes, behind: bool = False) -> bytes:
    """Return a PNG with raw chunks before its pixels, or behind them."""
    data = png()
    at = len(data) - 12 if behind else 33
    return data[:at] + b"".join(chunks) + data[at:]
