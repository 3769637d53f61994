"""Files in, facts and files out: no database, no network.

`processed` (sandbox/child.py) runs a processor (registry.py) over one file in a child process (__main__.py) that is
confined (sandbox/confinement.py) before it opens the file. Only the child ever loads a decoder.
"""
