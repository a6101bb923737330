"""Other libraries' models, as their documentation has them used."""
