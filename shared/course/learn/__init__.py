"""The whole course in one terminal command: choose an exercise, work on it, see each save checked within a second.

``python -m course.learn`` is ``make learn``; with ``hint``, ``solution`` or ``reset`` and an exercise such as
``1.3`` it does that one thing.
"""
