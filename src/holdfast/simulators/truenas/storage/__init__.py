"""Disks, pools, datasets and snapshots: what is really there, apart from how methods show it."""
