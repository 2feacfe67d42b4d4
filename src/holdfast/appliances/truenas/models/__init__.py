"""What TrueNAS tools return. Sizes in bytes, times in ISO-8601 UTC or seconds, percentages from 0 to 100."""
