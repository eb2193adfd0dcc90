"""All reading of the world: each collector writes facts about one snapshot and judges nothing."""
