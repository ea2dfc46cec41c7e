"""``python -m arbkit``. Use ``python -P -m arbkit``, so that files in the current folder do not shadow modules."""

from arbkit.cli import main

if __name__ == "__main__":
    main()
