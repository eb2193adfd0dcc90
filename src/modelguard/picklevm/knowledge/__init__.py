"""Which globals are safe, in which profile, under which rule, and why; and which are known to be dangerous.

`lookup` answers the machine's questions. `profiles` lists the profiles, `grants/*.txt` holds the names each of them
grants, `arguments*` the rules for what such a name may be called with, `states` those for what may be put into it,
`hazards` the dangerous names, which only explain and rate: the gate is that nothing is granted unless it is listed.
"""
