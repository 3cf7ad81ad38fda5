"""``python -m tests.durability.member PLACE NUMBER SEED``: one of a crowd, a process started from nothing."""

import os
import sys

from tests.durability.crowd import work

if __name__ == "__main__":
    work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(f"{os.getpid()}\n")
