"""What the documents are generated with, and what the tests read a cloud with.

Nothing that is deployed or that brings up a cloud needs it: tests and tools import from ``local``, never the other way.
"""
