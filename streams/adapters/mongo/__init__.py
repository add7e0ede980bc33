"""MongoDB adapter: heads and scores over any server of its wire protocol."""
