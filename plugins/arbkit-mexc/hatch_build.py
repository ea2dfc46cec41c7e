"""Compiles the schema of MEXC's messages: ``push.proto`` becomes ``push_pb2.py`` and ``push_pb2.pyi`` (for types).

They are made beside the schema, also for an editable install, and go into the wheel. An unchanged file is not written.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from grpc_tools import protoc
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "arbkit_mexc"


class CompileHook(BuildHookInterface[Any]):
    """The build hook of the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Raises ``RuntimeError`` if the schema does not compile: the compiler has printed why."""
        root = Path(self.root)
        with TemporaryDirectory() as made:
            to = [f"--python_out={made}", f"--pyi_out={made}"]
            if protoc.main(["protoc", f"--proto_path={root}", *to, f"{PACKAGE}/push.proto"]):
                raise RuntimeError(f"{PACKAGE}/push.proto does not compile")
            for name in ("push_pb2.py", "push_pb2.pyi"):
                text, file = (Path(made) / PACKAGE / name).read_bytes(), root / PACKAGE / name
                if not file.exists() or file.read_bytes() != text:
                    file.write_bytes(text)
                build_data["artifacts"].append(f"/{PACKAGE}/{name}")
