"""Many runs on disk: schema, files, upkeep, export and import."""
