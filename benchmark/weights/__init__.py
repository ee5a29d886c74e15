"""Sets of weights: what a card declares, fetching, converting, looking up."""
