"""Tests of `holdfast.resilience`: nothing here sleeps, time is given."""
