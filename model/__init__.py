"""The model: network, preprocessing, checkpoint, resident classifier, micro-batcher, decision policy."""
