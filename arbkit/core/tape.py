"""The run tape: every input of the desk in the order it came, so that the run can be run again."""
