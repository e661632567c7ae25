"""`python -m snowmelt`: the same as the command `snowmelt`."""

from snowmelt.cli.main import main

main()
