"""Databases to read from and to write to: servers, embedded files, and folders of files."""
