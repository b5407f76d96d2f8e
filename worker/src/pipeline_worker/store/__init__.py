"""The only way to objects: S3, or a folder for use on a laptop."""
