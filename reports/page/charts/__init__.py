"""The charts of a page: one file each. A chart is data for a Vega specification of the same name in `assets/specs/`."""
