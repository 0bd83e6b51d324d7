"""Long hunts: `--minutes M` spends the time over properties and implementations by what pays.

A **pair** is a property and an implementation, a **round** one Hypothesis test of a pair on fresh cases
(`rounds`). Which pair has the next round, is decided in one place, whatever the number of workers
(`hunt`, `loops`), by the new cells of the space of cases that it gives for its time (`coverage`, `bandit`). A ledger
keeps what was covered for the next hunt (`ledger`). What libraries keep of what they were shown is bounded (`caches`).
"""
