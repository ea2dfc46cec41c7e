"""The tools of the browser tests: pages whose errors are collected, and servers in processes of their own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

PAGES = ("overview", "spreads", "deals", "books", "account", "latency", "history")
SCREENS = os.environ.get("ARBKIT_SCREENSHOTS")
"""The folder for screenshots; without it none are made."""
SYNTHETIC = Path(__file__).parent / "browser" / "synthetic.py"
_TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation",
    (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""


expect.set_options(timeout=30_000)  # it only ends what hangs: a machine may be busy


class Watched:
    """Pages whose errors are collected. ``expected``: patterns of errors that belong to the test."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.page: Page
        """The newest one."""
        self.said: list[str] = []
        self.expected: list[str] = []

    def __call__(self, url: str, *, width: int = 1440, height: int = 900, scheme: Any = "dark", **more: Any) -> Page:
        """A page of a new browser profile."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB", **more
        )
        context.set_default_timeout(120_000)  # as above; the first page of a browser is the slowest
        context.add_init_script(_TELL_VIOLATIONS)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: self.said.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.goto(url)
        self.page = page
        return page

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # another page was opened meanwhile
            self.said.append(f"failed: {request.url} {request.failure}")

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def errors(self) -> list[str]:
        return [text for text in self.said if not any(re.search(known, text) for known in self.expected)]


class Process:
    """A server in a process of its own. It prints the address that logs in."""

    def __init__(self, *args: str, **more: Any) -> None:
        self._process = subprocess.Popen(args, stdout=subprocess.PIPE, text=True, **more)
        assert self._process.stdout is not None
        self.url = ""
        for line in self._process.stdout:
            if found := re.search(r"https?://\S+#token=\S+", line):
                self.url = found[0]
                break
        # what it says later is read and dropped: a full pipe would stop it
        self._reader = threading.Thread(target=self._process.stdout.read, daemon=True)
        self._reader.start()
        if not self.url:
            self.kill()
        assert self.url, "the server printed no address"

    @property
    def site(self) -> str:
        """The address without the token."""
        return self.url.partition("#")[0]

    def kill(self) -> None:
        """Kill it and what it has started: simulated venues of a killed demo would go on."""
        if self._process.returncode is not None:
            return
        pid = self._process.pid
        started = Path(f"/proc/{pid}/task/{pid}/children")
        children = [int(text) for text in started.read_text().split()] if started.exists() else []
        for one in (pid, *children):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()


def synthetic(*args: str) -> Process:
    return Process(sys.executable, str(SYNTHETIC), *args)


def go(page: Page, *parts: str) -> None:
    """Another page of the dashboard."""
    page.evaluate("to => { location.hash = to }", "#/" + "/".join(parts))
