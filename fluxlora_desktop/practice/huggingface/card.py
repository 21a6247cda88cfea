"""A model card's front matter: a reader for the part of YAML that model cards use.

It refuses what a YAML parser refuses (an unquoted colon, a tab, a duplicate key, bad indentation),
so that a card which the real hub would turn down is turned down here.
"""

import re
from dataclasses import dataclass, field
from typing import Any

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_KEY = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s\-?:,\[\]{}#&*!|>'"%@`][^:#]*?|-[^\s:][^:#]*?)"""
    r"\s*:(?:\s+(?P<rest>.*))?"
)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_ESCAPES = {
    "n": "\n", "t": "\t", "r": "\r", "0": "\0", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f",
    "v": "\v", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
    '"': '"', "\\": "\\", "/": "/", " ": " ", "\n": "",
}  # fmt: skip


class CardError(ValueError):
    """The front matter is not YAML; the text names the line."""


@dataclass(frozen=True, slots=True)
class Card:
    """A README split into what the hub reads and what people read."""

    data: dict[str, Any] = field(default_factory=dict)
    body: str = ""

    def text(self, key: str) -> str | None:
        """Return a value that should be one text."""
        value = self.data.get(key)
        return value if isinstance(value, str) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a value that may be one text or a list of them."""
        value = self.data.get(key)
        values = value if isinstance(value, list) else [value]
        return tuple(item for item in values if isinstance(item, str))


def read_card(readme: str) -> Card:
    """Split and read a README; CardError when its front matter does not parse."""
    match = _FRONT.match(readme.removeprefix("\ufeff"))
    if match is None:
        return Card(body=readme)
    value = _Reader(match[1]).document()
    if not isinstance(value, dict | None):
        raise CardError("the metadata must be a mapping")
    return Card(data=value or {}, body=readme.removeprefix("\ufeff")[match.end() :])


class _Reader:
    """Reads block collections line by line; scalars may span lines."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._at = 0

    def document(self) -> Any:
        if self._peek() is None:
            return None
        value = self._block(self._indent())
        if self._peek() is not None:
            raise self._error("bad indentation")
        return value

    def _peek(self) -> str | None:
        while self._at < len(self._lines):
            line = self._lines[self._at].strip()
            if line and not line.startswith("#"):
                return line
            self._at += 1
        return None

    def _indent(self) -> int:
        line = self._lines[self._at]
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise self._error("tab characters must not be used in indentation")
        return len(line) - len(line.lstrip(" "))

    def _block(self, indent: int) -> Any:
        line = self._peek()
        if line is not None and (line == "-" or line.startswith("- ")):
            return self._sequence(indent)
        return self._mapping(indent)

    def _sequence(self, indent: int) -> list[Any]:
        items: list[Any] = []
        while (line := self._peek()) is not None and self._indent() == indent:
            if line != "-" and not line.startswith("- "):
                break
            rest = line[1:].strip()
            if _KEY.fullmatch(rest) or rest.startswith("- "):
                inner = indent + 1 + len(line[1:]) - len(line[1:].lstrip(" "))
                self._lines[self._at] = " " * inner + rest
                items.append(self._block(inner))
            else:
                self._at += 1
                items.append(self._value(rest, indent, same_level_list=False))
        return items

    def _mapping(self, indent: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while (line := self._peek()) is not None and self._indent() == indent:
            match = _KEY.fullmatch(line)
            if match is None:
                raise self._error("expected a key and a value")
            key = str(self._scalar(match["key"]))
            if key in values:
                raise self._error(f"duplicated mapping key {key!r}")
            self._at += 1
            values[key] = self._value(match["rest"] or "", indent, same_level_list=True)
        if self._peek() is not None and self._indent() > indent:
            raise self._error("bad indentation of a mapping entry")
        return values

    def _value(self, rest: str, indent: int, *, same_level_list: bool) -> Any:
        rest = "" if rest.startswith("#") else rest
        if not rest:
            line = self._peek()
            if line is None:
                return None
            below = self._indent()
            listed = same_level_list and below == indent and line.startswith("-")
            return self._block(below) if below > indent or listed else None
        if rest[0] in "|>":
            return self._literal(rest, indent)
        if rest[0] in "\"'":
            return self._scalar(self._quoted(rest))
        if rest[0] in "[{":
            return self._flow(rest)
        return self._scalar(self._plain(rest, indent))

    def _literal(self, header: str, indent: int) -> str:
        if not re.fullmatch(r"[|>][+-]?\d?[+-]?(\s+#.*)?", header):
            raise self._error("bad block scalar")
        lines: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
                break
            lines.append(line)
            self._at += 1
        margin = min((len(x) - len(x.lstrip(" ")) for x in lines if x.strip()), default=0)
        joiner = "\n" if header[0] == "|" else " "
        text = joiner.join(line[margin:] for line in lines).rstrip()
        return text if "-" in header else text + "\n"

    def _quoted(self, text: str) -> str:
        quote = text[0]
        whole = r'"(?:[^"\\]|\\.)*"' if quote == '"' else r"'(?:[^']|'')*'(?!')"
        while not (match := re.match(whole, text, re.DOTALL)):
            if self._at >= len(self._lines):
                raise self._error("unexpected end inside a quoted text")
            line = self._lines[self._at].strip()
            text += ("\n" if not line else "" if text.endswith("\n") else " ") + line
            self._at += 1
        self._only_comment(text[match.end() :])
        return match[0]

    def _plain(self, rest: str, indent: int) -> str:
        parts = [rest]
        while (line := self._peek()) is not None and self._indent() > indent:
            parts.append(line)
            self._at += 1
        text = " ".join(re.split(r"\s#", part, maxsplit=1)[0].strip() for part in parts)
        if text[0] in "@`%&*!,]}" or text.startswith("- "):
            raise self._error(f"a plain text cannot start with {text[0]!r}")
        if ": " in text or text.endswith(":"):
            raise self._error("mapping values are not allowed in this context")
        return text

    def _flow(self, text: str) -> Any:
        while text.count("[") + text.count("{") > text.count("]") + text.count("}"):
            if self._peek() is None:
                raise self._error("unexpected end of a flow collection")
            text += " " + self._lines[self._at].strip()
            self._at += 1
        value, end = self._flow_value(text, 0)
        self._only_comment(text[end:])
        return value

    def _flow_value(self, text: str, at: int) -> tuple[Any, int]:
        if text[at] in "[{":
            return self._flow_items(text, at)
        whole = re.compile(
            r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'|[^,\[\]{}:]+(?::\S[^,\[\]{}:]*)*'
        )
        match = whole.match(text, at)
        if match is None:
            raise self._error("bad flow collection")
        return self._scalar(match[0].strip()), match.end()

    def _flow_items(self, text: str, at: int) -> tuple[Any, int]:
        closing, items, pairs = {"[": "]", "{": "}"}[text[at]], [], {}
        is_map, at = text[at] == "{", _skip(text, at + 1)
        while at < len(text) and text[at] != closing:
            item, at = self._flow_value(text, at)
            at = _skip(text, at)
            if is_map:
                if text[at : at + 1] != ":":
                    raise self._error("bad flow mapping")
                pairs[str(item)], at = self._flow_value(text, _skip(text, at + 1))
                at = _skip(text, at)
            items.append(item)
            if text[at : at + 1] == ",":
                at = _skip(text, at + 1)
            elif text[at : at + 1] != closing:
                raise self._error("missing comma in a flow collection")
        if at >= len(text):
            raise self._error("unexpected end of a flow collection")
        return (pairs if is_map else items), at + 1

    def _scalar(self, text: str) -> Any:
        if text.startswith('"'):
            return _ESCAPE.sub(self._unescape, text[1:-1])
        if text.startswith("'"):
            return text[1:-1].replace("''", "'")
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        if re.fullmatch(r"[+-]?\d+", text):
            return int(text)
        if re.fullmatch(r"[+-]?(\d+\.\d*|\.\d+)([eE][+-]?\d+)?", text):
            return float(text)
        return text

    def _unescape(self, match: re.Match[str]) -> str:
        code = match[1]
        if len(code) > 1:
            return chr(int(code[1:], 16))
        if code not in _ESCAPES:
            raise self._error(f"unknown escape sequence \\{code}")
        return _ESCAPES[code]

    def _only_comment(self, rest: str) -> None:
        if rest.strip() and not re.match(r"\s+#", rest):
            raise self._error("unexpected text after a value")

    def _error(self, reason: str) -> CardError:
        return CardError(f"{reason} at line {min(self._at, len(self._lines) - 1) + 1}")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] == " ":
        at += 1
    return at
