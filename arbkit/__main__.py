"""``python -m arbkit``, which is the same as the command ``arbkit``."""

import os
import sys

if __name__ == "__main__":
    # "-m" puts the current folder before everything: what lies there must not stand in for an installed package. A
    # strategy of the current folder is found in the same way as by the command.
    if sys.path and sys.path[0] in ("", os.getcwd()):
        del sys.path[0]
    from arbkit.cli import main

    main()
