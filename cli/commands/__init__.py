"""One module a command, loaded only when the command is asked for."""
