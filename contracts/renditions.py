"""The names of what is made of an original, in the order in which a media lists them."""

THUMBNAILS = (150, 300, 600, 1200)  # pixels of the box that each fits
FULL = "full"
SHOWN_FIRST = "thumb300"  # the thumbnailUrl of a media
POSTER = "poster"
QUALITIES = (360, 720, 1080, 2160)  # pixels of the shorter side of a video
MASTER = "hls"  # the playlist of all its qualities
PLAYLIST_TYPE = "application/vnd.apple.mpegurl"
WAVEFORM = "waveform"
PEAKS = "peaks"
OF_IMAGES = (*(f"thumb{size}" for size in THUMBNAILS), FULL)
OF_VIDEO = (*(f"thumb{size}" for size in THUMBNAILS), POSTER, *(f"mp4-{side}p" for side in QUALITIES))
OF_AUDIO = (FULL, WAVEFORM, PEAKS)
OF_HLS = (*(f"hls-{side}p" for side in QUALITIES), MASTER)
NAMES = tuple(dict.fromkeys((*OF_IMAGES, *OF_VIDEO, *OF_AUDIO)))
