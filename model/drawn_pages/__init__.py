"""Synthetic pages: menus and other pages of text, drawn by a program, for a model to tell apart.

A network that has seen no pages but menus takes every page for one. Of a page little but its layout is left
at the size of an input, and layouts can be drawn: a menu is a list of names with a price to each, under
headings.
"""
