"""What the person allowed, changed and withdrew, and when.

Start at ``grants.py``: grants are rows that are never changed except for being withdrawn, so the history is there.
``requests.py`` has what practices asked for, which opens nothing until the person answers, and ``codes.py`` the codes by
which they name somebody. ``categorize.py`` says which category, in the words of the consent page, a resource belongs to.
What a grant opens is not decided here but in ``access/policy.py``.
"""
