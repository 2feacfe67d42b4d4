"""What models do beyond the generic engine, one module a subject."""
