"""Four rooms on one plan. Nothing of a room is imported before it is needed."""
