"""Video: `poster` makes facts, a poster and its thumbnails; `transcode` makes MP4s and HLS in several qualities."""
