"""Patches: JSON Patch, JSON Merge Patch, FHIRPath Patch and changes of labels, from a body to a function on a tree.

Each module has ``read(...)``, which checks the patch and returns what it does to a tree. The tree that is given is changed;
whether the outcome is a valid resource is for ``fhir/validation``.
"""
