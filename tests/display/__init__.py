"""Every kind of result has all the faces; tables fit, figures hold the data, pages run nothing and fetch nothing."""
