"""A Hub on loopback and makers of small models, for the tests of this project and of its users."""
