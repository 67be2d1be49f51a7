"""What browser_automate is made of: its params, one visit of a site, and what is read there."""
