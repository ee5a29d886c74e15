"""The table of a paper, measured from the features that its authors published."""
