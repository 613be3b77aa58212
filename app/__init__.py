"""Regie: one person's health record as FHIR resources, under that person's consent, with proof of what happened to it."""

import gc

# What is loaded stays: to look through it again and again for what may go takes a fifth of the time that loading does.
gc.set_threshold(100_000, 20, 100)
