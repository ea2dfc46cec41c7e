"""The pages say what the code does: outputs shown are real, drawings equal their tables, links lead somewhere.

(Python and ``# arbkit.toml`` blocks run by themselves: see ``conftest.py``.)
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from arbkit import cli
from arbkit.cli import run as run_command
from arbkit.core.orders.deals import MOVES
from arbkit.core.protocols import View
from arbkit.sim.faults import FaultKind, read_script
from arbkit.strategies import SpreadArb

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
DESIGN = (ROOT / "docs/design.md").read_text()
STRATEGY = (ROOT / "docs/add-a-strategy.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("plugins/*/README.md")])


def block(page: str, after: str, language: str) -> str:
    """The first block of a language after a marker."""
    found = re.search(rf"```{language}\n(.*?)```", page[page.index(after) :], re.DOTALL)
    assert found is not None
    return found[1]


def anchors(page: str) -> set[str]:
    """The headings of a page as links name them."""
    return {
        re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-")
        for title in re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A link to a file of the repository finds it, and its heading."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), link
        assert not anchor or anchor in anchors(there.read_text()), link


@pytest.mark.parametrize(
    "page", ["README.md", "docs/reliability.md", "docs/security.md", "docs/design.md", "CONTRIBUTING.md"]
)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    """Paths in backticks exist (a ``*`` matches something)."""
    for name in re.findall(r"`((?:tests|plugins|arbkit|docs|examples)/[\w./*-]+)`", (ROOT / page).read_text()):
        if "NAME" not in name:
            assert list(ROOT.glob(name.rstrip("/"))), name


def test_the_mistakes_of_the_readme_are_told_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The configuration with mistakes gives the text below it, and exit code 2."""
    (tmp_path / "arbkit.toml").write_text(block(README, "<!-- mistakes -->", "toml"))
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    monkeypatch.setattr("arbkit.monitor.terminal.say", said.append)
    assert cli._run(["config", "check"]) == cli.USAGE
    assert "\n".join(said) + "\n" == block(README, "<!-- mistakes -->", "text")


def test_the_adapters_of_the_readme_are_those_that_are_listed() -> None:
    """``arbkit adapters list`` prints the block."""
    done = CliRunner().invoke(cli.group, ["adapters", "list"], standalone_mode=False)
    assert done.output == block(README, "<!-- adapters -->", "text")


def test_the_first_screen_of_the_readme_is_the_one_that_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper configuration of the README gives its first screen."""
    from arbkit.config import load as config

    (tmp_path / "arbkit.toml").write_text(block(README, "## A strategy", "toml"))
    monkeypatch.chdir(tmp_path)
    read = config.load(None, env={}, flags={"strategy.target": "strategy:SpreadArb"})
    mine = SpreadArb(symbols=("BTC-USDT", "ETH-USDT"))
    shown = [run_command._banner(read, live=False), *run_command._unknown_moves(mine, read), ""]
    assert "\n".join(shown) == block(README, "arbkit run strategy:SpreadArb", "text")


def test_the_exit_codes_of_the_readme_are_those_of_the_command_line() -> None:
    """All of them, and no other."""
    codes = [cli.OK, cli.BUG, cli.USAGE, cli.CREDENTIALS, cli.UNREACHABLE, cli.RISK_STOP, cli.UNRESOLVED]
    table = README[README.index("## Exit codes") : README.index("## Limits of this version")]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [*codes, cli.INTERRUPTED]


def test_every_command_is_in_the_readme() -> None:
    """A new command is described, and one that is gone is not."""
    table = README[README.index("## Commands") : README.index("## Exit codes")]
    assert set(re.findall(r"`arbkit (\w+)", table)) == set(cli._COMMANDS)


def test_the_drawing_of_a_deal_is_its_table() -> None:
    """Every move of ``MOVES`` is drawn, and no other."""
    drawn = re.findall(r"(\w+) --> (\w+)", block(DESIGN, "<!-- moves -->", "mermaid"))
    moves = [(state.value, after.value) for state, afters in MOVES.items() for after in afters]
    assert sorted(drawn) == sorted(moves)


def test_the_settings_of_spread_arb_are_all_described_with_their_defaults() -> None:
    """The table of docs/add-a-strategy.md has each setting and its default."""
    rows = dict(re.findall(r"^\| `(\w+)` \|([^|]*)\|", STRATEGY, re.MULTILINE))
    for name in SpreadArb.__annotations__:
        shown = rows[name].strip().strip("`")
        default = getattr(SpreadArb, name)
        assert shown == ("" if name == "symbols" else str(default)) or float(shown) == default, name


def test_the_view_is_described_whole() -> None:
    """Each thing that a strategy may ask is in the table of docs/view.md."""
    table = (ROOT / "docs/view.md").read_text()
    offered = {name for name in (*vars(View), *View.__annotations__) if not name.startswith("_")}
    assert offered == set(re.findall(r"^\| `(\w+)", table[: table.index("\n\nA book has")], re.MULTILINE)) - {"view"}


def test_the_number_of_faults_is_the_number_of_faults() -> None:
    """docs/reliability.md counts the kinds of fault scripts, and its script can be read."""
    page = (ROOT / "docs/reliability.md").read_text()
    assert "fault scripts with 35 kinds of fault" in page
    assert len(read_script(block(page, "<!-- faults -->", "json").encode())) == 3
    assert len(FaultKind.__args__) == 35  # type: ignore[attr-defined]  # a Literal


def test_the_page_of_attacks_is_complete() -> None:
    """S01 to S22, each with a test, or with the words that there is no surface yet."""
    rows = re.findall(r"^\| (S\d\d) \|(.*)\|([^|]*)\|$", (ROOT / "docs/security.md").read_text(), re.MULTILINE)
    assert [name for name, _, _ in rows] == [f"S{number:02}" for number in range(1, 23)]
    for name, _, shown in rows:
        assert re.search(r"`(tests|plugins)/", shown) or "no surface" in shown, name
