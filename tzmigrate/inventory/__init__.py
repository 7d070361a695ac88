"""Stage 1, scan: the catalog's rows become an Inventory."""
