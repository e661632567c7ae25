"""The snowmelt command, one file per command."""
