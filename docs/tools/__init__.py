"""What the documents are made with, and what the tests read a cloud with.

Nothing that is deployed or that brings a cloud up needs it: tests and tools import from ``local``, never the other way.
"""
