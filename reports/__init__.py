"""How results are shown: words and pictures only, in a terminal and in files. Numbers come from analysis/."""
