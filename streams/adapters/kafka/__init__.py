"""Kafka adapters: publisher, reader, admin, consumer lag, and the connection that they share."""
