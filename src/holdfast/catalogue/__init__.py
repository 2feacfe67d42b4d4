"""Generated: what each room offers, for `tools/list` without importing the rooms."""
