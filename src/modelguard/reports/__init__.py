"""Renderings of examinations, one file each; all are functions from frozen data to text."""
