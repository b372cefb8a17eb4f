"""How files of records are written: `columns` by noun, `cells` into values and back, `counting` of what became."""
