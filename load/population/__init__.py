"""The people, plans and histories of the benchmark data set: made by `load/dataset.py`."""
