"""The networks whose cores are mutated: together they have every unit, rule and kind of cell."""
