"""The engine without this project's patches: what the tests of this folder must fail on."""

from __future__ import annotations

import asyncio

from local.engine.__main__ import serve

if __name__ == "__main__":
    asyncio.run(serve())
