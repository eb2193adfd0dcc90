"""Signatures over models: parsing, verifying and making them; identities, keys, certificates and trusted roots."""
