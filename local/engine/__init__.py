"""The embedded AWS engine: ministack, with the gaps closed that this project's template meets.

Each module closes the gaps of one service and says which; ``tests/integration/engine`` holds one test per gap that
fails on the engine as published, so that a patch is removed when its gap is closed.
"""
