"""Photographs put into S3, announced, and waited for."""
