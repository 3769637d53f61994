"""Files in, facts and files out: no database, no network.

`processed` (child.py) runs a processor (processors.py) over one file in a child process (__main__.py) that is confined
(confinement.py, sockets.py) before it opens the file. Only the child ever loads a decoder.
"""
