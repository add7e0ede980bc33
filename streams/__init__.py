"""What flows: the Faust app, topics, ports, the in-flight window and retry."""
