"""The documentation's site: `make docs` builds it of these pages, of docstrings, and of what was measured."""

from importlib.metadata import version as version_of

from chainrule_docs.code_pages import source_link
from chainrule_docs.notebooks import outputs_folder

project = "chainrule"
author = "The chainrule authors"
copyright = author
release = version_of("chainrule")
version = release
language = "en"
smartquotes = False

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "sphinx_llms_txt",
    "chainrule_docs.code_pages",
    "chainrule_docs.lexers",
    "chainrule_docs.mathml",
    "chainrule_docs.measured",
    "chainrule_docs.repository",
    "chainrule_docs.tolerances",
]
exclude_patterns = ["README.md", "**/README.md", "chainrule_docs", "**/.ipynb_checkpoints"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
myst_update_mathjax = False
html_math_renderer = "mathml"

nb_execution_mode = "cache"
nb_execution_cache_path = str(outputs_folder())
nb_execution_raise_on_error = True
nb_execution_in_temp = True
nb_execution_timeout = 120
nb_execution_show_tb = True
nb_merge_streams = True

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
linkcode_resolve = source_link
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_custom_sections = [("Attributes", "params_style")]
add_module_names = False
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"chainrule {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/releases.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}
templates_path = ["_templates"]
html_copy_source = True
html_show_sourcelink = False
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_prompt_text = ">>> |[.][.][.] |[$] "
copybutton_prompt_is_regexp = True
copybutton_exclude = ".linenos, .gp, .go"

llms_txt_title = f"chainrule {release}"
llms_txt_summary = (
    "Sequence models by the two chain rules: convolution and recurrence for PyTorch on the CPU, backpropagation "
    "through time, and models of text, time series, sound and images."
)
