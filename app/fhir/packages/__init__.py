"""FHIR packages: the profiles, value sets and other definitions that whoever runs the server has loaded, and Regie's own.

``files.py`` reads what somebody else made, a ``*.tgz`` or a folder, without trusting it; ``package.py`` takes the definitions out of it;
``library.py`` keeps packages in a folder, pinned as ``name#version``; ``own.py`` reads Regie's own, which are in ``profiles/``;
``canonicals.py`` finds what goes by a canonical URL.

Spec: https://hl7.org/fhir/R4/packages.html
"""
