"""The names of what is made of an original, in the order in which a media lists them."""

THUMBNAILS = (150, 300, 600, 1200)  # pixels of the box that each fits
FULL = "full"
SHOWN_FIRST = "thumb300"  # the thumbnailUrl of a media
NAMES = (*(f"thumb{size}" for size in THUMBNAILS), FULL)
