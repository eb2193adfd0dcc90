"""The only code that may run a model, one file per framework."""
