"""The companion module for nets: where their data sets are found."""
