"""How data is held against the rules: which rules there are, how they are evaluated, and what was found."""
