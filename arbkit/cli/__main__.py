"""``python -m arbkit.cli``"""

from arbkit.cli import main

main()
