"""A representation and a task, as a package of a third party has them."""
