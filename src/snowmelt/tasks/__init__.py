"""Task graphs, schedules and the scheduler."""
