"""Words that all rooms share: errors, datatypes, result, settings, clock. Imports nothing of snowmelt."""
