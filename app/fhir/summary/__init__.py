"""The International Patient Summary (IPS): the part of a record that a stranger who has to treat somebody needs first.

``sections.py`` is the table of sections and says what belongs in each; ``medicines.py`` decides which medicines are used now;
``narrative.py`` writes a section in words, in Dutch and English; ``document.py`` puts the Bundle together. All of it is about
R4 resources, knows of no database, and leaves out what it was not given.

Spec: https://hl7.org/fhir/uv/ips/STU1.1/, https://hl7.org/fhir/uv/ips/STU1.1/OperationDefinition-summary.html
"""
