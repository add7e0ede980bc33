"""What sees: network, preprocessing, checkpoint, resident classifier, micro-batcher, decision policy."""
