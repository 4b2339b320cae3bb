"""What people are shown: one struct per screen of the local API, made by flow, drawn by the command and the console.

Times are milliseconds since 1970, 0 for never. Tiers, effects and states are words (``read``, ``hold``, ``open``).
Bodies of answers only grow: a field is never renamed, a new one comes last with a default.
"""
