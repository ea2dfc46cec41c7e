"""``arbkit chaos``: mistakes are refused with what to do, and a run of no seed is no success."""

from __future__ import annotations

import pytest

from arbkit.cli import main


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--seeds", "5..2"], "'5..2' has no seed: write the smaller number first"),
        (["--seeds", "x"], "'x' is no range of seeds, such as 0..99"),
        (["--kinds", "bann"], "--kinds: no weather bann; did you mean ban?"),
        (["--plan", '{"seed":'], "--plan: Input data was truncated"),
        (["--plan", "@nowhere.json"], "--plan @nowhere.json: it cannot be read"),
    ],
)
def test_a_mistake_is_refused(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and one sentence, before anything is played."""
    with pytest.raises(SystemExit) as ended:
        main(["chaos", *args])
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert not printed.out
