"""The processes: command line, settings, resources, the embedded stack. The only package that imports all others."""
