"""Removes secrets and control characters from what the process shows: the log, the terminal, stdout, tracebacks."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from arbkit.core.types import Secret, cut

__all__ = ["PROCESS", "Redactor", "safe"]

LONGEST = 4096
"""Characters of a text that are kept."""
HIDDEN = "***"
_SHORTEST = 6
"""A shorter secret is not searched for: it would be found in ordinary words."""
_SECRET_NAME = re.compile(
    r"secret|passphrase|password|passwd|authorization|signature|listen_?key|api_?key|private_?key|token(?!s)|\Akey\Z|cookie",
    re.I,
)
_NAMES = r"signature|sign|secret|passphrase|password|token(?!s)|listenKey|apiKey|api_key|api-key|authorization"
_VALUE = r"(?:Bearer\s+)?[^&\s\"',}]+"
_IN_TEXT = re.compile(rf"((?:{_NAMES})[\"']?\s*[=:]\s*[\"']?){_VALUE}", re.I)
_IN_SENTENCE = re.compile(rf"((?:{_NAMES})(?:[\"']?=|[\"']\s*[:=]\s*)[\"']?|authorization:\s*){_VALUE}", re.I)
"""As ``_IN_TEXT``, but "the secret: is missing" is a sentence."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, other line ends, marks that reverse the direction of writing, and what cannot be encoded."""


class Redactor:
    """Knows secrets, and strikes them from texts and events."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._known: list[str] = []
        for secret in secrets:
            self.add(secret)

    def add(self, secret: str) -> None:
        """Strike this text from now on: as it is, and as a URL, JSON, a Python literal or base64 writes it."""
        text = secret.reveal() if isinstance(secret, Secret) else secret
        if len(text) >= _SHORTEST:
            self._known = sorted({*self._known, *_forms(text)}, key=len, reverse=True)

    def strike(self, text: str, *, sentence: bool = False) -> str:
        """The text without known secrets, and without what a name such as ``signature=`` says to be one. ``sentence``:
        our own words for a person, in which a colon after such a name means nothing."""
        text = self.known(cut(text, LONGEST))  # cut before the search, which takes time
        named = _IN_SENTENCE if sentence else _IN_TEXT
        return cut(named.sub(rf"\1{HIDDEN}", text), LONGEST)

    def known(self, text: str) -> str:
        """The text, of any length, without known secrets."""
        for known in self._known:
            text = text.replace(known, HIDDEN)
        return self._begun(text) if "..." in text else text

    def _begun(self, text: str) -> str:
        """The text without the beginning of a secret that somebody cut off there."""
        for known in self._known:
            at = text.find(known[:_SHORTEST])
            while at >= 0:
                end = text.find("...", at)
                if end > 0 and known.startswith(text[at:end]):
                    text = text[:at] + HIDDEN + text[end:]
                at = text.find(known[:_SHORTEST], at + 1)
        return text

    def event(self, fields: Mapping[str, object]) -> dict[str, Any]:
        """The fields of a log event: values of secret names are hidden, all texts are struck and have one line."""
        return {self._line(name): self._field(name, value) for name, value in fields.items()}

    def _field(self, name: str, value: object) -> object:
        return HIDDEN if value not in (None, "") and _SECRET_NAME.search(name) else self._value(value)

    def _value(self, value: object) -> object:
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, Secret):
            return HIDDEN
        if isinstance(value, bytes):
            return self._line(value[: 2 * LONGEST].decode("utf-8", "backslashreplace"))
        if isinstance(value, Mapping):
            return {self._line(str(key)): self._field(str(key), item) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self._value(item) for item in value]
        return self._line(str(value))

    def _line(self, text: str) -> str:
        return _CONTROL.sub(_escaped, self.strike(text))


PROCESS = Redactor()
"""The secrets of this process: every key that the configuration resolves. What the command line prints passes it."""


def safe(text: str) -> str:
    """External text with escaped control characters, so that it cannot control the terminal. Lines and tabs stay."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in "\n\t" else _escaped(found), text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _forms(text: str) -> Iterator[str]:
    data = text.encode()
    yield from (text, quote(text, safe=""), quote(text), quote_plus(text))
    yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], repr(text)[1:-1], repr(data)[2:-1])
    for before in range(3):  # base64 of more than the secret, which begins at any of three places of a group
        first, last = (0, 2, 3)[before], (before + len(data)) * 8 // 6
        for alphabet in (b"+/", b"-_"):
            yield b64encode(bytes(before) + data, alphabet).decode()[first:last]
