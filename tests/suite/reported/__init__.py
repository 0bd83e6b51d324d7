"""Small implementations on which the suite fell short: faults that people reported of real recurrent layers, and what a
newcomer writes. Each registers itself where it is imported, so that `--impl=FILE` alone imports it."""
