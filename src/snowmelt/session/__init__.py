"""Names, variables, transactions; executes statements."""
