"""Columns to cells and back: the one representation that synthesizers learn from.

A *cell* is the smallest thing a model can emit: one category, one frequent value (an *atom*), one
interval between order statistics (a *bin*), or "missing". Missingness is thus a value of the column
and modelled with everything else. `analyze` counts one partition, `merge` adds two analyses,
`freeze` decides the cells, and the `Codec` it returns encodes and decodes without the records.

What protects a record here: a category or atom seen in fewer than `min_count` records gets no cell
unless the schema declares it (its code is POOLED, and no model emits it); a bin holds at least
`min_count` records and its ends lie between order statistics; the outermost ends lie inside the
`min_count`-th smallest and largest value.
"""
