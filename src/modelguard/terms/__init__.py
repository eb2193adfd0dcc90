"""The words all rooms speak: frozen nouns, no input or output."""
