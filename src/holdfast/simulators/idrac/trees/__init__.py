"""The resources of an iDRAC: one module per service, each mounting its handlers for a persona."""
