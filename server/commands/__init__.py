"""What `mediarpc` can be told to do, a module for each command, which is imported when the command is chosen."""


class CommandError(Exception):
    """A command cannot do what it is for; the sentence says why, and what to do about it."""
