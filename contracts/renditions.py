"""The names of what is made of an original, in the order in which a media lists them."""

THUMBNAILS = (150, 300, 600, 1200)  # pixels of the box that each fits
FULL = "full"
SHOWN_FIRST = "thumb300"  # the thumbnailUrl of a media
POSTER = "poster"
WAVEFORM = "waveform"
PEAKS = "peaks"
OF_IMAGES = (*(f"thumb{size}" for size in THUMBNAILS), FULL)
OF_VIDEO = (*(f"thumb{size}" for size in THUMBNAILS), POSTER)
OF_AUDIO = (FULL, WAVEFORM, PEAKS)
NAMES = tuple(dict.fromkeys((*OF_IMAGES, *OF_VIDEO, *OF_AUDIO)))
