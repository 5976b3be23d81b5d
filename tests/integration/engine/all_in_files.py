"""The engine with every body in a file, however small it is: both ways of keeping a body must behave the same."""

from __future__ import annotations

from local.engine import s3_bodies
from local.engine.__main__ import main

if __name__ == "__main__":
    s3_bodies.LARGEST_IN_MEMORY_BYTES = -1
    main()
