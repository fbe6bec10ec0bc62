"""Synthesizers, one file each; the protocol stands in protocol.py."""
