"""What happens to a media, whoever asks for it: reserved bytes are completed, deleted media cleaned up.

Callers (`procedures`) and the queue (`jobs`) stand side by side above it; follow-up work is enqueued by the name of its
job (`media/queue.py`).
"""
