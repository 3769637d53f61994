"""Where bytes live: the S3 client, the presigner, and the names of the keys."""
