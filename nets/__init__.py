"""The companion module for nets: data sets, architectures, training of many runs at once."""
