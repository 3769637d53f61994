"""Where bytes live: the S3 client, uploads in parts, the presigner, and the names of the keys."""
