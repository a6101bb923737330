"""What makes the documentation's site of the pages in docs/: extensions of Sphinx, and checks of what it built.

mathml.py        formulas as MathML, which browsers draw by themselves
repository.py    links to files of the repository that are no pages; pages that show these files
measured.py      tables of the measurements that are committed as JSON
tolerances.py    the published table of tolerances
notebooks.py     where outputs of notebooks are kept
releases.py      the folder of all releases' sites
built_site.py    whether links of the built site lead somewhere, and whether it loads anything from elsewhere
"""
