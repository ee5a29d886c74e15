"""Result rows handed in by others: check them, and put them in their place.

A submission is data and is never run. `validation` says for each row what is
wrong and how to mend it, from the cheapest question to the most expensive: where its
files lie (`files`), whether they are JSON (`strict_json`) of the schema
(`schema`) with harmless texts (`texts`), whether task and split (`content`),
protocol and probe (`selection`) are those of this version (`ground`), whether
the predictions are what they should be (`predictions`) and the scores follow
from them (`scores`), and whether the row agrees with the others
(`neighbours`). `packing` copies rows into a checkout.
"""
