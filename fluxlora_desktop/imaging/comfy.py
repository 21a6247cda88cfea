"""ComfyUI's graph of nodes, followed backwards from the sampler to what made a picture.

`prompt` maps a node's id to {"class_type", "inputs"}; an input is a value or a link [id, slot].
Nodes that nobody here knows are passed through by their links, so that an extension between the
sampler and the words hides nothing. `workflow`, the graph as the editor draws it, is read where the
other is missing. Source: ComfyUI's nodes.py and comfy_extras/nodes_custom_sampler.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fluxlora_desktop.domain.pictures import PictureLora, PictureWords
from fluxlora_desktop.imaging.bounded import (
    cleaned,
    facts_from,
    group_in,
    number_in,
    rows_in,
    seed_in,
    whole_in,
)

_MOST_NODES: Final = 5000
_MOST_LORAS: Final = 20
_MOST_LINES: Final = 40
_DEEPEST: Final = 30
_SEEDS: Final = ("noise_seed", "seed")
_WORDS: Final = (
    *("text", "t5xxl", "clip_l", "text_g", "text_l", "prompt", "string", "value"),
    *("wildcard_text", "populated_text", "positive", "text_positive"),
)
_MODELS: Final = ("unet_name", "ckpt_name", "model_name", "model_path", "gguf_name")
_JOINED: Final = ("string_a", "string_b", "text_a", "text_b", "text1", "text2", "text3")
_NO_WORDS: Final = frozenset(
    [
        *("clip", "model", "vae", "image", "images", "pixels", "latent", "latent_image", "mask"),
        *("control_net", "clip_vision", "clip_vision_output", "style_model", "negative"),
    ]
)
"""Inputs behind which there are no words of a prompt."""
_EMPTIED: Final = frozenset({"ConditioningZeroOut"})
_WIDGETS: Final[Mapping[str, tuple[str, ...]]] = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": (
        *("add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler"),
    ),
    "RandomNoise": ("noise_seed",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "KSamplerSelect": ("sampler_name",),
    "CFGGuider": ("cfg",),
    "FluxGuidance": ("guidance",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "PrimitiveString": ("value",),
    "PrimitiveStringMultiline": ("value",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "UNETLoader": ("unet_name",),
    "UnetLoaderGGUF": ("unet_name",),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "LoraLoaderModelOnly": ("lora_name", "strength_model"),
}
"""The values of a node in the editor's graph, which have no names there, in their order."""


@dataclass(frozen=True, slots=True)
class _Node:
    kind: str
    inputs: Mapping[str, Any]

    def link(self, name: str) -> str:
        """Return the id of the node that an input comes from, or ""."""
        return _linked(self.inputs.get(name))

    def links(self, passed_over: frozenset[str] = frozenset()) -> Iterator[str]:
        """Yield the ids of all nodes that it takes something from."""
        for name, value in self.inputs.items():
            if name not in passed_over and (linked := _linked(value)):
                yield linked


def read_graphs(prompt: Mapping[str, Any], workflow: Mapping[str, Any]) -> PictureWords | None:
    """Return what made the picture; None where neither graph has a sampler or words."""
    for nodes in (_nodes(prompt), _drawn_nodes(workflow)):
        words = _Graph(nodes).words()
        if words is not None:
            return words
    return None


def _nodes(prompt: Mapping[str, Any]) -> dict[str, _Node]:
    found: dict[str, _Node] = {}
    for node_id, row in zip(prompt, map(group_in, prompt.values()), strict=True):
        if isinstance(row.get("class_type"), str) and len(found) < _MOST_NODES:
            found[str(node_id)] = _Node(row["class_type"], group_in(row.get("inputs")))
    return found


def _drawn_nodes(workflow: Mapping[str, Any]) -> dict[str, _Node]:
    """Read the editor's graph; what is muted or bypassed there does nothing."""
    sources = dict(_drawn_links(rows_in(workflow.get("links"), 4 * _MOST_NODES)))
    found: dict[str, _Node] = {}
    for row in map(group_in, rows_in(workflow.get("nodes"), _MOST_NODES)):
        kind, values = str(row.get("type", ""))[:200], row.get("widgets_values")
        if row.get("mode") in (2, 4):
            kind, values = "", None
        names = _WIDGETS.get(kind, ())
        inputs: dict[str, Any] = dict(values) if isinstance(values, dict) else {}
        inputs |= {name: value for name, value in zip(names, rows_in(values), strict=False) if name}
        for entry in map(group_in, rows_in(row.get("inputs"))):
            source = sources.get(entry["link"]) if isinstance(entry.get("link"), int) else None
            if source is not None:
                inputs[str(entry.get("name"))] = [str(source), 0]
        found[str(row.get("id"))] = _Node(kind, inputs)
    return found


def _drawn_links(rows: Iterable[Any]) -> Iterator[tuple[int, str]]:
    """Yield each link and the node it comes from: rows [id, from, ...], or groups since 2025."""
    for row in rows:
        if isinstance(row, dict):
            link, source = row.get("id"), row.get("origin_id")
        else:
            link, source = row[:2] if isinstance(row, list) and len(row) > 1 else (None, None)
        if isinstance(link, int) and isinstance(source, int | str):
            yield link, str(source)


@dataclass(slots=True)
class _Graph:
    nodes: dict[str, _Node]
    looks: int = 20_000
    """How many more inputs are looked at for words: links may fan out at every node."""

    def words(self) -> PictureWords | None:
        """Return what the last sampler before the picture was given."""
        sampler = self._sampler()
        if sampler is None:
            return None
        guider = self.nodes.get(sampler.link("guider"), sampler)
        wanted = guider.link("positive") or guider.link("conditioning") or sampler.link("positive")
        prompt = self._prompt(wanted)
        negative = self._prompt(guider.link("negative"))
        seed, told = seed_in(self._value(sampler, _SEEDS, "noise"))
        cfg = number_in(self._value(guider, ("cfg",), ""))
        guidance = number_in(self._upstream(wanted, ("guidance",), _NO_WORDS))
        model = guider.link("model") or sampler.link("model")
        facts = {
            "Sampler": self._value(sampler, ("sampler_name",), "sampler"),
            "Scheduler": self._value(sampler, ("scheduler",), "sigmas"),
            "CFG scale": cfg if guidance and cfg else None,
            "Denoise": self._value(sampler, ("denoise",), "sigmas"),
        }
        return PictureWords(
            program="ComfyUI",
            prompt=prompt,
            negative_prompt=negative,
            model=cleaned(self._upstream(model, _MODELS), 500),
            loras=self._loras(model),
            steps=whole_in(self._value(sampler, ("steps",), "sigmas")),
            guidance=guidance or cfg,
            seed=seed,
            facts=facts_from({**told, **facts}),
        )

    def _sampler(self) -> _Node | None:
        """Return the sampler nearest to what was saved, else the one nearest to no other."""
        samplers = {key: node for key, node in self.nodes.items() if _samples(node)}
        if not samplers:
            return None
        saves = [key for key, node in self.nodes.items() if _saves(node)]
        for node_id in self._walk(saves):
            if node_id in samplers:
                return samplers[node_id]
        behind = {
            node_id
            for sampler in list(samplers.values())[:20]
            for node_id in self._walk(sampler.links())
        }
        last = [node for key, node in samplers.items() if key not in behind]
        return (last or list(samplers.values()))[-1]

    def _walk(
        self, starts: Iterable[str], passed_over: frozenset[str] = frozenset()
    ) -> Iterator[str]:
        """Yield nodes against the direction of the links, the nearest first, each once."""
        waiting, seen = deque(starts), set[str]()
        while waiting:
            node_id = waiting.popleft()
            node = self.nodes.get(node_id)
            if node is None or node_id in seen:
                continue
            seen.add(node_id)
            yield node_id
            if node.kind not in _EMPTIED:
                waiting.extend(node.links(passed_over))

    def _value(self, node: _Node, names: tuple[str, ...], behind: str) -> Any:
        """Return a setting of a node, else of what stands behind one of its inputs."""
        for name in names:
            if name in node.inputs:
                return self._plain(node.inputs[name], names)
        return self._upstream(node.link(behind), names) if behind else None

    def _upstream(
        self, start: str, names: tuple[str, ...], passed_over: frozenset[str] = frozenset()
    ) -> Any:
        """Return the first setting of one of these names that is met on the way back."""
        for node_id in self._walk([start], passed_over):
            node = self.nodes[node_id]
            for name in names:
                if name in node.inputs:
                    value = self._plain(node.inputs[name], names)
                    if isinstance(value, str | int | float):
                        return value
        return None

    def _plain(self, value: Any, names: tuple[str, ...], depth: int = 0) -> Any:
        """Follow a link to a node that holds a value, such as a seed's own."""
        node = self.nodes.get(_linked(value))
        if node is None or depth > _DEEPEST:
            return None if isinstance(value, list) else value
        for name in (*names, "value", "int", "float", "number", *_SEEDS):
            if name in node.inputs:
                return self._plain(node.inputs[name], names, depth + 1)
        return None

    def _prompt(self, start: str) -> str:
        """Join the words that a condition was made of, the nearest first, each once."""
        found: list[str] = []
        if start in self.nodes and self.nodes[start].kind in _EMPTIED:
            return ""
        for node_id in self._walk([start], _NO_WORDS):
            node = self.nodes[node_id]
            if node.kind in _EMPTIED or not (
                "clip" in node.inputs or "encode" in node.kind.lower()
            ):
                continue
            found += [words for name in _WORDS if (words := self._text(node.inputs.get(name)))]
            if len(found) > _MOST_LINES:
                break
        return cleaned("\n".join(dict.fromkeys(found)))

    def _text(self, value: Any, depth: int = 0) -> str:
        if isinstance(value, str):
            return cleaned(value)
        node = self.nodes.get(_linked(value))
        self.looks -= 1
        if node is None or depth > _DEEPEST or self.looks < 0:
            return ""
        parts = [
            self._text(node.inputs[name], depth + 1) for name in _JOINED if name in node.inputs
        ]
        if any(parts):
            between = node.inputs.get("delimiter", " ")
            return (between if isinstance(between, str) else " ").join(filter(None, parts))
        for name in _WORDS:
            if name in node.inputs and (words := self._text(node.inputs[name], depth + 1)):
                return words
        return ""

    def _loras(self, start: str) -> tuple[PictureLora, ...]:
        """Return the LoRAs on the way from the sampler to the model, the first loaded first."""
        found: list[PictureLora] = []
        for node_id in self._walk([start]):
            found += _loras_of(self.nodes[node_id])
        return tuple(reversed(found[:_MOST_LORAS]))


def _loras_of(node: _Node) -> Iterator[PictureLora]:
    """Yield a loader's LoRA, or the rows of rgthree's loader, which can be switched off."""
    inputs = node.inputs
    rows = [inputs] if "lora_name" in inputs else [group_in(row) for row in inputs.values()]
    for row in rows:
        name = cleaned(row.get("lora_name") or row.get("lora"), 200)
        if not name or name == "None" or row.get("on") is False:
            continue
        strength = next((row[key] for key in ("strength_model", "strength") if key in row), 1)
        yield PictureLora("", name.removesuffix(".safetensors"), number_in(strength))


def _samples(node: _Node) -> bool:
    """Tell whether a node samples: by what it takes, since many have names of their own."""
    names = node.inputs.keys()
    if {"guider", "sigmas"} <= names:
        return True
    return {"steps", "positive"} <= names and bool({"seed", "noise_seed"} & names)


def _saves(node: _Node) -> bool:
    kind = node.kind.lower()
    return "save" in kind or "preview" in kind


def _linked(value: Any) -> str:
    """Return the id of the node that an input's value points at, or ""."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
        return str(value[0])
    return ""
