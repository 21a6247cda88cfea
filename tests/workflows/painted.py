"""Real pictures for a bench's gallery, with everything in their files that made them."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import timedelta

from PIL import Image

from fluxlora_desktop.domain.loras import Lora
from fluxlora_desktop.domain.pictures import Picture, PictureLora, PictureState, PictureText
from tests.workflows.conftest import Bench


def paint(bench: Bench, name: str, lora: Lora | None, **changes: object) -> Picture:
    """Put a picture of 64 x 64 pixels into the gallery; each name has its own colour."""
    files = bench.tools.stores.files
    uses = (PictureLora(lora.id, lora.name, 0.8),) if lora else ()
    prompt = f"a fox, {name}"
    text = PictureText(prompt, "FLUX.1-dev", "flux.1-dev", "g/m", uses, 64, 64, 28, 3.5, 7, "1")
    made = Picture(
        **{"id": name, "order_id": "o", "state": PictureState.DONE, "generator": "g"},
        **{"model": "m", "base": "flux.1-dev", "prompt": prompt, "loras": uses, "width": 64},
        **{"height": 64, "steps": 28, "guidance": 3.5, "seed": 7},
        created_at=bench.clock.now() + timedelta(seconds=len(bench.tools.stores.pictures.ids())),
    )
    target, thumb = files.picture(name, made.created_at), files.picture_thumb(name)
    shade = hashlib.sha256(name.encode()).digest()[:3]
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), (shade[0], shade[1], shade[2])).save(stream, "PNG")
    sha256 = bench.tools.pictures.finish(stream.getvalue(), text, target, thumb)
    places = {"file": files.relative(target), "thumb": files.relative(thumb), "sha256": sha256}
    made = replace(made, **{**places, **changes})
    bench.tools.stores.pictures.add([made])
    return made
