"""Tables, figures and pages: the figures' data; the page parsed: nothing runs, and nothing is fetched."""
