"""The cases of ``tests/cases/field.json``: nights of the whole system against a GoPro cloud that plays one case.

``listing_items``, ``descriptor``, ``cdn`` and ``nights`` of a case are its words and its data at once. ``given`` holds,
for each way of playing it, what a machine needs besides; ``then`` what a user notices afterwards.
"""
