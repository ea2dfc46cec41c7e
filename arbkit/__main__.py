"""``python -m arbkit``; with ``-P``, so that nothing in the current folder shadows a module."""

from arbkit.cli import main

if __name__ == "__main__":
    main()
