"""What each role may do. Pure; asked by the gate for every route and by policies for finer questions."""
