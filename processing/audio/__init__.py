"""Audio: `transcode` makes facts, an MP3, and a waveform as numbers and as an image."""
