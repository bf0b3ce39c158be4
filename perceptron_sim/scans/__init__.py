"""Many runs done: grids, the driver, threads and clusters."""
