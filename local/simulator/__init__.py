"""A GoPro Cloud on this machine: API and CDN on loopback, with a switch for every fault that open-source clients met.

``python -m local.simulator --library demo`` starts it as a process; tests use ``with Simulator(...) as simulator:``.
"""

from __future__ import annotations

from local.simulator.admin import SimulatorAdmin, Source
from local.simulator.demo_library import demo_library, real_file_item
from local.simulator.faults import Endpoint, Fault, FaultName
from local.simulator.library import ItemSeries, Library, SimulatedItem, SourceFile
from local.simulator.recording import RecordedRequest
from local.simulator.settings import RefreshTokenMode, Settings
from local.simulator.simulator import Simulator

__all__ = [
    "Endpoint",
    "Fault",
    "FaultName",
    "ItemSeries",
    "Library",
    "RecordedRequest",
    "RefreshTokenMode",
    "Settings",
    "SimulatedItem",
    "Simulator",
    "SimulatorAdmin",
    "Source",
    "SourceFile",
    "demo_library",
    "real_file_item",
]
