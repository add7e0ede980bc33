"""Adapters of the ports. All of them ship: the embedded ones are for laptops and tests."""
