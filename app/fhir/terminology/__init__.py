"""Code systems and value sets: does a code belong, what is it called, what lies below it.

``code_system.py`` is a CodeSystem with its hierarchy, ``filters.py`` what a filter picks from one, ``value_set.py`` a set of codes of
which something may not be known; ``terminology.py`` finds the definitions and puts value sets together. ``core.py`` has those
of the specification, from ``data/``, which ``generate.py`` writes.

Nothing is guessed: where a code system isn't at hand, the answer is that it isn't known.
"""
