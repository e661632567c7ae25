"""Other projects' own test suites, run against Snowmelt from a checkout of theirs."""
