"""What stands for an option that was not typed: variables of the environment, and the name of a stack."""

from __future__ import annotations

from typing import Final

STACK_VARIABLE: Final = "GOPRO_SYNC_STACK"
API_BASE_URL_VARIABLE: Final = "GOPRO_API_BASE_URL"
# samconfig.toml's name for the stack.
DEFAULT_STACK_NAME: Final = "gopro-s3-sync"
