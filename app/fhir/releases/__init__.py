"""What each FHIR release is made of, and every difference between the two.

Start at ``definitions.py``: the elements of a type in their order, with cardinality, types, targets and codes. The
facts are in ``data/``, made by ``generate.py``; ``stu3.py`` and ``r4.py`` hold what is peculiar to one release.
Nothing outside this package asks which release it is dealing with in order to behave differently.
"""
