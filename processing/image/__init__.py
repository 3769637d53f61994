"""Images: `process` makes facts, thumbnails and a full size of one, from pixels that libvips or libheif decodes."""
