"""The arithmetic of adherence, pure: `counting` makes day counts of occurrences, `ratios` reads them."""
