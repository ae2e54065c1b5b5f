"""Creates the template's resources through ordinary API calls: one module a service.

MiniStack's own CloudFormation silently drops bucket encryption, lifecycle, Object Lock, point-in-time recovery and
TTL. This deployer drops nothing: a resource type that it does not know stops it before the first call, and a property
that it does not know stops it at that resource.
"""
