"""Who acts: Faust agents, the pipeline they share, and the wiring of the program."""
