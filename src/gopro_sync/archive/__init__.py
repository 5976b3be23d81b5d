"""The transfer engine: from a signed URL to a verified S3 object."""
