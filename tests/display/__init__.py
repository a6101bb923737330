"""Every kind of result has all the faces; tables fit, figures hold the data, pages run their own script alone."""
