"""Differential privacy: the one door to private records, and what stands behind it.

A private synthesizer gets a `PrivateTable`, which answers integer queries with exact integer noise
and hands out nothing else. What may be asked follows from the `Domain`, which is declared in the
schema by a person. Every answer is debited from an `Account` before its noise is drawn.
"""
