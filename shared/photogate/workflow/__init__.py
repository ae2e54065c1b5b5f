"""The way of a photo: one module a step, each a class with what it needs and one method that does it.

A step takes the photo's state, checks the fence, does its work, appends its event and answers with ids, keys, counts
and hashes. Doing it again does no harm.
"""
