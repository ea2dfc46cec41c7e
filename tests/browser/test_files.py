"""The files of the dashboard, without a browser: contrast, what is vendored, what the policy allows, one contract."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

import arbkit.monitor
from arbkit.monitor.api.shapes import TOPICS

ROOT = Path(arbkit.monitor.__file__).parent / "dashboard"
VENDORED = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "uPlot.LICENSE": "8f989229699b4fe2f1a0432d0e9edc338a8a911e250e2d1b01ecd770a5f5b1bd",
}
"""uPlot 1.6.32 as npm has it (``npm pack uplot@1.6.32``, the folder ``dist``)."""
OURS = sorted(path for path in ROOT.rglob("*.*") if "vendor" not in path.parts)


def test_what_is_vendored_is_as_published() -> None:
    """By its hash; and nothing else is there."""
    assert {path.name: sha256(path.read_bytes()).hexdigest() for path in (ROOT / "vendor").iterdir()} == VENDORED


def test_the_keys_of_the_topics_are_those_of_the_server() -> None:
    """``js/table.js`` has its own copy."""
    text = (ROOT / "js" / "table.js").read_text()
    body = re.search(r"export const KEYS = (\{.*?\n\});", text, re.DOTALL)
    assert body
    found = json.loads(re.sub(r",(\s*[}\]])", r"\1", re.sub(r"(\w+):", r'"\1":', body[1])))
    assert found == {topic: list(key) for topic, (_, key) in TOPICS.items()}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_no_file_has_what_the_policy_forbids_or_takes_text_for_markup(path: Path) -> None:
    """No inline script or style, nothing from elsewhere, no innerHTML, no eval."""
    text = path.read_text()
    markup = r"innerHTML|outerHTML\s*=|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(.style"
    inline = r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:"
    elsewhere = r"(?:src|href)=\"(?:https?:)?//|@import|url\((?!data:)|from \"(?!\.)"
    assert re.findall(f"{markup}|{inline}|{elsewhere}", text) == []


# --- contrast (WCAG 2.2: text 4.5, parts of controls 3)

SURFACES = ("bg", "panel", "raised")
TEXT = ("text", "soft", "faint", "accent", "good", "warn", "bad")
PAIRS = [
    *((text, ground, 4.5) for text in TEXT for ground in SURFACES),
    *((state, f"{state}-wash", 4.5) for state in ("good", "warn", "bad", "accent")),
    *(("heat-text", f"heat-{level}", 4.5) for level in range(1, 5)),
    *(("text", side, 4.5) for side in ("bid", "ask", "warn-wash", "bad-wash")),
    ("on-accent", "accent", 4.5),
    ("on-bad", "bad", 4.5),
    ("line-strong", "panel", 3.0),
    *((f"stage-{i}", "raised", 1.5) for i in range(1, 10)),
]


def palette() -> dict[str, tuple[str, str]]:
    """Light and dark colour of each token."""
    text = (ROOT / "css" / "tokens.css").read_text()
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", text)
    return {name: (light, dark) for name, light, dark in found}


def brightness(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read_on_its_ground(theme: int) -> None:
    """The contrast of the palette, computed."""
    colours = palette()
    weak = {}
    for text, ground, least in PAIRS:
        one, other = sorted((brightness(colours[name][theme]) + 0.05 for name in (text, ground)), reverse=True)
        if one / other < least:
            weak[text, ground] = round(one / other, 2)
    assert weak == {}
