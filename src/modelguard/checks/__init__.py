"""Questions to the facts, one file each, pure: `Dossier -> Iterator[Finding]`."""
