"""What makes the documentation's site of the pages in docs/: extensions of Sphinx, and checks of what it built.

releases.py      ``make docs``: one release's site, built and checked, beside those of other releases
built_site.py    whether links of the built site lead somewhere, and whether it loads anything from elsewhere
notebooks.py     where outputs of notebooks are kept
repository.py    links to files of the repository that are no pages of their own
code_pages.py    pages that show such files, and links from the reference to them
mathml.py        formulas as MathML, which browsers draw by themselves
measurements.py  what is said of measurements that are committed as JSON
measured.py      tables of them
tolerances.py    the published table of tolerances
tables.py        tables of text
lexers.py        the language ``output`` of code blocks
"""
