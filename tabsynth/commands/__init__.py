"""The command line: options in, calls of the workflow, lines and exit codes out."""
