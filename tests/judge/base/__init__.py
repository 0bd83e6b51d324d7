"""Records and leaves, which import nothing else of the judge: a run, a finding, a part of a run, words, files."""
