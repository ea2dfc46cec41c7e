"""Examples in the documentation are tests: Python blocks run, ``arbkit.toml`` blocks are read by the real loader."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The examples of one page build on each other: one worker runs them all (``--dist loadgroup``)."""
    for item in items:
        if item.path.suffix == ".md":
            item.add_marker(pytest.mark.xdist_group(item.path.name))
