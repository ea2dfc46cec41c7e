"""Examples in the documentation are tests: Python blocks run, ``arbkit.toml`` blocks are read by the real loader."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

from arbkit.config import load as config


class ConfigParser(CodeBlockParser):
    """A ``toml`` block that begins with ``# arbkit.toml`` is a configuration without mistakes."""

    language = "toml"

    def evaluate(self, example: Example) -> None:
        text = str(example.parsed)
        if text.startswith("# arbkit.toml"):
            with TemporaryDirectory() as folder:
                file = Path(folder) / "arbkit.toml"
                file.write_text(text)
                config.load(file, env={})


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), ConfigParser(), SkipParser()],
    patterns=["*.md"],
    excludes=[".venv/**", "CHANGELOG.md"],
).pytest()
