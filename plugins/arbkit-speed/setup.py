"""The extension module. All else is in pyproject.toml."""

import os
from pathlib import Path

from setuptools import Extension, setup

FLAGS = [] if os.name == "nt" else ["-std=c11", "-Wall", "-Wextra", "-fvisibility=hidden", "-ffp-contract=off"]

setup(
    ext_modules=[
        Extension(
            "arbkit_speed._speed",
            sources=sorted(str(file) for file in Path("src/arbkit_speed").glob("*.c")),
            depends=["src/arbkit_speed/speed.h"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            extra_compile_args=FLAGS,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
