"""The assessment of publishers: pure functions from what was collected about them to marks with their evidence."""
