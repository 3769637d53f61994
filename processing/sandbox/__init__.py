"""The child process that a decoder runs in, what it gives up before it opens a file, and what holds on this kernel."""
