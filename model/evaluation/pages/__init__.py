"""Evaluation pages: one self-contained HTML file each, light and dark, without JavaScript.

They hold pictures of the photographs that were judged: a page is for whoever owns them.
"""
