"""Ways in which events reach people and programs: one file a channel."""
