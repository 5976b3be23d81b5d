"""The cases of ``tests/cases/aws.json``: how each kind of ``given`` is played, and how ``then`` is compared with it.

A driver plays a ``given`` and returns what a user, or AWS, would have noticed, by name; ``then`` says what it is to be.
"""
