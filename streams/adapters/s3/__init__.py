"""S3 adapters: photographs within their bounds, and the objects of a registry."""
