"""Regie: one person's health record as FHIR resources, under that person's consent, with proof of what happened to it."""
